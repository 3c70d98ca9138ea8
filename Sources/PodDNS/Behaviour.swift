// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// What the kubelet's DNS code does differently from release to release (pkg/kubelet/network/dns/dns.go).
///
/// From 1.28 on nothing of it has changed.
public struct Behaviour: Equatable, Sendable {
    /// What becomes of a `.` in a `search` line of the node.
    public enum LoneDot: Equatable, Sendable {
        /// It goes on as it is: up to 1.16, and 1.25.0, where it broke musl (kubernetes#112135).
        case kept
        /// It becomes an empty word: up to 1.24.
        case emptied
        /// It is left out: from 1.25.1 on.
        case dropped
    }

    /// Whether one dot at the end of the node's search paths is cut (from 1.17 on, kubernetes#83069).
    public var trimsTrailingDot = true
    /// What becomes of a `.` in a `search` line.
    public var loneDot = LoneDot.dropped
    /// Whether `options` lines add up; up to 1.25 the last one holds (kubernetes#112323).
    public var mergesOptionLines = true
    /// Whether an error of parsing says where it comes from (from 1.27 on).
    public var wrapsParseErrors = true
    /// The most search paths; 6 before `ExpandedDNSConfig`.
    public var searchPathLimit = 32
    /// The longest search list, in bytes with a space between two; 256 before `ExpandedDNSConfig`.
    public var searchListLimit = 2048
    /// Whether a search path of more than 253 bytes is left out (from 1.22 on).
    public var dropsLongPaths = true
    /// Whether `_` and a lone `.` are valid in a pod's search paths (`RelaxedDNSSearchValidation`, on from 1.33).
    public var relaxesSearchValidation = true
    /// Whether a pod's nameserver with leading zeros, or IPv4 written as IPv6, is refused (`StrictIPCIDRValidation`, on from
    /// 1.36).
    public var refusesSloppyAddresses = true

    /// The newest that is known: 1.36.
    public static let newest = Version(1, 36)
    /// The oldest that is known.
    public static let oldest = Version(1, 10)

    /// How that release behaves.
    ///
    /// `featureGates` as the kubelet's configuration names them; those that do not matter here are not looked at.
    public init(_ version: Version = Behaviour.newest, featureGates: [String: Bool] = [:]) {
        if version < Version(1, 17, 0) {
            trimsTrailingDot = false
            loneDot = .kept
        } else if version < Version(1, 25, 0) {
            loneDot = .emptied
        } else if version < Version(1, 25, 1) {
            loneDot = .kept
        }
        mergesOptionLines = version >= Version(1, 26, 0)
        wrapsParseErrors = version >= Version(1, 27, 0)
        dropsLongPaths = version >= Version(1, 22, 0)
        let isExpanded: Bool
        if version < Version(1, 22, 0) {
            isExpanded = false
        } else if version >= Version(1, 28, 0) {
            isExpanded = true
        } else {
            isExpanded = featureGates["ExpandedDNSConfig"] ?? (version >= Version(1, 26, 0))
        }
        if !isExpanded {
            searchPathLimit = 6
            searchListLimit = 256
        }
        if version < Version(1, 32, 0) {
            relaxesSearchValidation = false
        } else if version < Version(1, 34, 0) {
            relaxesSearchValidation = featureGates["RelaxedDNSSearchValidation"] ?? (version >= Version(1, 33, 0))
        }
        refusesSloppyAddresses =
            version >= Version(1, 33, 0)
            && featureGates["StrictIPCIDRValidation"] ?? (version >= Version(1, 36, 0))
    }
}
