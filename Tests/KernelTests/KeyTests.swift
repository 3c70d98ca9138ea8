// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Testing

@testable import Kernel

struct KeyTests {
    /// As KEYCTL_DESCRIBE says it: a user's keyring, or key, is not taken for the kernel's.
    @Test func theKernelsOwnKeyringIsKnown() {
        #expect(Key.isNameKeyring(Array("keyring;0;0;1f030000;.dns_resolver\0".utf8)))
        for text in [
            "", ";;;;", "keyring;0;0;1f030000", "keyring;1;0;1f030000;.dns_resolver", "user;0;0;1f030000;.dns_resolver",
            "keyring;0;0;1f030000;_tid", "keyring;0;0;1f030000;.dns_resolver;x", "keyring;00;0;1f030000;.dns_resolver",
        ] {
            #expect(!Key.isNameKeyring(Array(text.utf8)), "\(text)")
        }
    }
}
