// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Testing

@testable import Kernel

struct KeyTests {
    /// `TYPE;UID;GID;PERM;DESCRIPTION`, of which only the last may have semicolons in it (keyctl(2), KEYCTL_DESCRIBE).
    @Test func fieldsOfADescription() {
        let description = Array("dns_resolver;1000;0;3b010000;a;b.c".utf8)
        #expect(Key.field(0, of: description) == Array("dns_resolver".utf8))
        #expect(Key.user(in: description) == 1000)
        #expect(Key.field(3, of: description) == Array("3b010000".utf8))
        #expect(Key.field(4, of: description) == Array("a;b.c".utf8))
        #expect(Key.field(4, of: description + [0, 120]) == Array("a;b.c".utf8))
        #expect(Key.field(4, of: Array("dns_resolver;0;0;0;".utf8)) == [])
        for short in ["", "dns_resolver", "dns_resolver;0;0;3b010000"] {
            #expect(Key.field(4, of: Array(short.utf8)) == nil)
        }
        #expect(Key.user(in: []) == nil)
        #expect(Key.user(in: Array("x;-1;0".utf8)) == nil)
        #expect(Key.user(in: Array("x;99999999999;0".utf8)) == nil)
    }
}
