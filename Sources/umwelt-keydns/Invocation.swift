// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Kernel
import Upcall

/// The command line: a key's number, and where the flat file is.
struct Invocation {
    var key: Key
    var flat: Path

    /// nil where it is not one.
    init?(_ arguments: [String]) {
        guard (2...3).contains(arguments.count), let serial = Int32(arguments[1]), serial > 0 else { return nil }
        key = Key(serial)
        flat = arguments.count == 3 ? Path(arguments[2]) : KeyDNSPaths.flat
    }

    /// The directory of the flat file, where a zone's resolv.conf is too.
    var state: Path {
        let slash = flat.bytes.lastIndex(of: UInt8(ascii: "/")) ?? 0
        return slash > 0 ? Path(flat.bytes[..<slash]) : "/"
    }

    static let help = """
        umwelt-keydns: answers the kernel's questions for names of the cluster

        Usage: umwelt-keydns KEY [FILE]

          KEY     the key to answer, as request-key gives it (%k)
          FILE    what 'umwelt keydns refresh' made (default \(KeyDNSPaths.flat))

        Not to be called by hand: the kernel does, by a rule that 'umwelt keydns install' adds.
        To see what it would do: umwelt keydns resolve NAME.

        """
}
