// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import CArguments
import Glibc
import Kernel
import Upcall

/// The command line: a key's number, and where the flat file is.
struct Invocation {
    var key: Key
    var flat: Path

    /// nil where it is not one.
    init?() {
        guard carguments_count() == 2 || carguments_count() == 3, let number = Self.argument(1),
            let serial = Self.serial(number)
        else { return nil }
        key = Key(serial)
        flat = Self.argument(2).map { Path($0) } ?? KeyDNSPaths.flat
    }

    /// The argument's bytes; nil where there is none.
    static func argument(_ index: Int32) -> [UInt8]? {
        // SAFETY: the C library's own strings, which end in a NUL and live as long as the process.
        guard var byte = unsafe carguments_at(index) else { return nil }
        var bytes: [UInt8] = []
        // SAFETY: as above.
        while unsafe byte.pointee != 0 {
            // SAFETY: as above.
            bytes.append(UInt8(bitPattern: unsafe byte.pointee))
            unsafe byte += 1
        }
        return bytes
    }

    /// false where an earlier one of these processes has become this one: by way of the fallback, or of a script that it is.
    static func isFirst() -> Bool {
        // SAFETY: constant strings; the process has one thread.
        guard unsafe getenv(mark) == nil else { return false }
        // SAFETY: as above.
        _ = unsafe setenv(mark, "1", 1)
        // SAFETY: as above. It was for this process's own beginning (CArguments), not for the fallback's.
        _ = unsafe unsetenv("SWIFT_BACKTRACE")
        return true
    }

    private static let mark = "UMWELT_KEYDNS"

    private static func serial(_ digits: [UInt8]) -> Int32? {
        guard (1...10).contains(digits.count) else { return nil }
        var value = 0
        for byte in digits {
            let digit = byte &- UInt8(ascii: "0")
            guard digit < 10 else { return nil }
            value = value * 10 + Int(digit)
        }
        return value > 0 ? Int32(exactly: value) : nil
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
