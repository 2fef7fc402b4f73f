/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wmb.h - where ring code orders its stores, tests may look at what was stored so far.
 */
#pragma once

void fake_wmb(void);
