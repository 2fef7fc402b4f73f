/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * command.h - what the host can ask about guests and the machine (docs/control.md).
 */
#pragma once

/* Enter the commands into the control channel's table. */
void commands_register(void);
