// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// A version as Kubernetes and the runtimes number theirs: `1.36`, `v1.28.3+k3s1`, `2.0.0-rc.1`.
public struct Version: Comparable, Sendable, CustomStringConvertible {
    /// The first number.
    public var major: Int
    /// The second number.
    public var minor: Int
    /// The third; without one, the last of its line.
    public var patch: Int

    /// That version; without a third number the last release of that line is meant.
    public init(_ major: Int, _ minor: Int, _ patch: Int = .max) {
        self.major = major
        self.minor = minor
        self.patch = patch
    }

    /// Two or three numbers, perhaps after a `v`; nil where it is none.
    ///
    /// What follows a `+`, `-` or `~` does not count.
    public init?(_ text: String) {
        var rest = text[...]
        if rest.first == "v" { rest.removeFirst() }
        rest = rest.prefix { !"+-~ ".contains($0) }
        let parts = rest.split(separator: ".", omittingEmptySubsequences: false)
        guard (1...3).contains(parts.count) else { return nil }
        var numbers: [Int] = []
        for part in parts {
            guard (1...6).contains(part.utf8.count), part.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                let number = Int(part)
            else { return nil }
            numbers.append(number)
        }
        major = numbers[0]
        minor = numbers.count > 1 ? numbers[1] : .max
        patch = numbers.count > 2 ? numbers[2] : .max
    }

    /// The numbers that were given, with points between them.
    public var description: String {
        [major, minor, patch].prefix { $0 != .max }.map(String.init).joined(separator: ".")
    }

    /// By the first number that differs.
    public static func < (left: Version, right: Version) -> Bool {
        (left.major, left.minor, left.patch) < (right.major, right.minor, right.patch)
    }
}
