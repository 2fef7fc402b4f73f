/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * profile.h - what a guest's vCPUs enter the kernel for, for the host.
 */
#pragma once

/* Enter the command into the control channel's table. */
void profile_register(void);
