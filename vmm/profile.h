/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * profile.h - what a guest's vCPUs enter the kernel for, and how long the kernel keeps a CPU to itself, for the host.
 */
#pragma once

/* Enter the commands into the control channel's table. */
void profile_register(void);
