// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors
//
// The program's arguments, as the C library hands them to constructors. For a program whose start is waited for: Swift's
// own way to them opens and reads /proc/self/maps before main. That is not linked in where this is, as it defines the two
// functions that the Swift library would take from there.
#pragma once

int carguments_count(void);
// NULL outside of the arguments.
const char *carguments_at(int index);
