// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors
//
// The FUSE protocol beyond Debian 12's header (7.38): constants and structs of newer kernels, by number and layout.
#pragma once

#include <linux/fuse.h>

// include/uapi/linux/fuse.h of Linux 6.18 (protocol 7.45); flags above bit 31 go shifted into flags2.
#define CLINUX_FUSE_HAS_RESEND_FLAGS2 (1u << 7)     // FUSE_HAS_RESEND, bit 39, 7.40
#define CLINUX_FUSE_ALLOW_IDMAP_FLAGS2 (1u << 8)    // FUSE_ALLOW_IDMAP, bit 40, 7.41
#define CLINUX_FUSE_NOTIFY_RESEND 7                 // 7.40
#define CLINUX_FUSE_UNIQUE_RESEND (1ull << 63)      // 7.40
#define CLINUX_FUSE_STATX 52                        // 7.39
#define CLINUX_FUSE_DEV_IOC_CLONE 0x8004e500ul      // _IOR(229, 0, uint32_t)

_Static_assert(sizeof(struct fuse_in_header) == 40, "fuse_in_header");
_Static_assert(sizeof(struct fuse_out_header) == 16, "fuse_out_header");
_Static_assert(sizeof(struct fuse_init_in) == 64, "fuse_init_in");
_Static_assert(sizeof(struct fuse_init_out) == 64, "fuse_init_out");
_Static_assert(sizeof(struct fuse_attr) == 88, "fuse_attr");
_Static_assert(sizeof(struct fuse_attr_out) == 104, "fuse_attr_out");
_Static_assert(sizeof(struct fuse_entry_out) == 128, "fuse_entry_out");
_Static_assert(sizeof(struct fuse_open_in) == 8, "fuse_open_in");
_Static_assert(sizeof(struct fuse_open_out) == 16, "fuse_open_out");
_Static_assert(sizeof(struct fuse_read_in) == 40, "fuse_read_in");
_Static_assert(sizeof(struct fuse_release_in) == 24, "fuse_release_in");
_Static_assert(sizeof(struct fuse_forget_in) == 8, "fuse_forget_in");
_Static_assert(sizeof(struct fuse_batch_forget_in) == 8, "fuse_batch_forget_in");
_Static_assert(sizeof(struct fuse_forget_one) == 16, "fuse_forget_one");
_Static_assert(sizeof(struct fuse_interrupt_in) == 8, "fuse_interrupt_in");
_Static_assert(sizeof(struct fuse_kstatfs) == 80, "fuse_kstatfs");
_Static_assert(sizeof(struct fuse_dirent) == 24, "fuse_dirent");
