// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// Which absolute names a name may mean, and in which order they are tried (resolv.conf(5), `search` and `ndots`).
package struct SearchRules: Equatable, Sendable {
    package var search: [DNSName]
    /// A name with at least so many dots is tried as it is before the list.
    package var ndots: Int

    package init(search: [DNSName] = [], ndots: Int = 1) {
        self.search = search
        self.ndots = ndots
    }

    /// `isAbsolute`: the name was written with a dot at its end, so it means itself alone.
    ///
    /// Each candidate comes once.
    package func candidates(_ name: DNSName, isAbsolute: Bool) -> [DNSName] {
        if isAbsolute { return [name] }
        let listed = search.compactMap { name.appending($0) }
        let dots = name.labelCount - 1
        var result: [DNSName] = []
        for candidate in dots >= ndots ? [name] + listed : listed + [name] where !result.contains(candidate) {
            result.append(candidate)
        }
        return result
    }
}
