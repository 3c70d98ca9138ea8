// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// A known trap that a pod's DNS is in, and the way out.
public struct Advice: Equatable, Sendable {
    /// How bad it is.
    public enum Severity: String, Sendable {
        /// Lookups fail, or go elsewhere than meant.
        case warning
        /// It works, and costs something.
        case note
    }

    /// A name that stays the same from release to release.
    public enum Code: String, Sendable, CaseIterable {
        case loopbackServer, missingClusterDNS, hostNetworkWithClusterFirst, unknownPolicy, nameserversCut, searchesCut
        case muslSearchLine, oldGlibcSearches, searchAmplification, proxyRace, mixedServers, emptyDNS, lineIgnored
        case notAnAddress, rootSearch, emptySearch, unreachableZone, highNdots, skippedClusterDNS, dockerDefaults,
            notUTF8
    }

    /// Which trap.
    public var code: Code
    /// How bad.
    public var severity: Severity
    /// What is so, and what to do about it: one or two sentences.
    public var message: String

    init(_ code: Code, _ severity: Severity, _ message: String) {
        self.code = code
        self.severity = severity
        self.message = message
    }
}
