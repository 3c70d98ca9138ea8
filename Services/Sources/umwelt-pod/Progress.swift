// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Terminal

/// What is being done, on a terminal; on none, only what matters.
struct Progress: Sendable {
    var isShown: Bool

    func say(_ text: String) {
        if isShown { Standard.error(Array("umwelt: \(Standard.printable(text))\n".utf8)) }
    }

    func warn(_ text: String) { Standard.complain("warning: \(text)") }
}
