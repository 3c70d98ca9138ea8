// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// Who asks for a name: the record of one gives way to no lesser one.
package enum Asker: UInt8, Sendable {
    /// Anybody on the machine.
    case user
    /// A process of root's: any container's, too.
    case root
    /// A file system in the kernel, whose mount is to stay with its pod.
    case kernel
}
