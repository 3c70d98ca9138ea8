// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// How many questions one lookup asks, as a C library's resolver goes through the search paths.
public struct QueryCost: Equatable, Sendable {
    /// The names in the order they are asked for, each once for A and once for AAAA.
    public var names: [Word]

    /// Questions until the last name is answered, which is what a name costs that only the last one finds.
    public var queries: Int { names.count * 2 }

    /// The names that getaddrinfo asks for when it looks `name` up and no earlier one is found.
    ///
    /// A dot at its end: only that name. As many dots as ndots or more: as it is first, then the paths; fewer: the paths
    /// first (glibc res_query.c, musl lookup_name.c, which leaves the paths out where there are dots enough).
    public init(of name: Word, searches: [Word], ndots: Int) {
        if name.bytes.last == UInt8(ascii: ".") {
            names = [name]
            return
        }
        let paths = searches.filter { $0 != "." && $0 != "" }.map { path in
            Word(name.bytes + [UInt8(ascii: ".")] + path.withoutTrailingDot.bytes)
        }
        let dots = name.bytes.count { $0 == UInt8(ascii: ".") }
        names = dots >= ndots ? [name] + paths : paths + [name]
    }

    /// `ndots` of the options, as glibc takes it: the last one, at most 15; 1 where there is none.
    public static func ndots(_ options: [Word]) -> Int {
        guard let option = options.last(where: { $0.optionName == "ndots" }), let value = option.optionValue else {
            return 1
        }
        var number = 0
        for byte in value.bytes {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { break }
            number = min(number * 10 + Int(byte - UInt8(ascii: "0")), 15)
        }
        return number
    }
}
