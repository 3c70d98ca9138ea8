// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// What the API server, and the kubelet for static pods, refuse (`validatePodDNSConfig`, pkg/apis/core/validation).
///
/// Composing does none of it: a pod that got past an older server is composed all the same.
public enum Validation {
    /// Why the pod is refused, one line for each reason, in the server's words; empty where it is not.
    public static func errors(_ pod: Pod, _ behaviour: Behaviour = Behaviour()) -> [String] {
        var errors: [String] = []
        let known: [Word] = ["", "ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"]
        if !known.contains(pod.policy) {
            let supported = #""ClusterFirst", "ClusterFirstWithHostNet", "Default", "None""#
            errors.append("spec.dnsPolicy: Unsupported value: \(quoted(pod.policy)): supported values: \(supported)")
        }
        guard let config = pod.dnsConfig else {
            if pod.policy == "None" {
                errors.append("spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None")
            }
            return errors
        }
        let path = "spec.dnsConfig"
        if pod.policy == "None", config.nameservers.isEmpty {
            errors.append(
                "\(path).nameservers: Required value: must provide at least one DNS nameserver when `dnsPolicy` is None"
            )
            // The server looks no further.
            return errors
        }
        if config.nameservers.count > Limits.nameservers {
            errors.append(
                "\(path).nameservers: Invalid value: \(list(config.nameservers)): "
                    + "must not have more than \(Limits.nameservers) nameservers"
            )
        }
        for (index, server) in config.nameservers.enumerated() {
            guard let problem = problem(server.description, behaviour) else { continue }
            errors.append("\(path).nameservers[\(index)]: Invalid value: \(quoted(server)): \(problem)")
        }
        errors += searchErrors(config.searches, path, behaviour)
        for (index, option) in config.options.enumerated() where option.name == "" {
            errors.append("\(path).options[\(index)]: Required value: must not be empty")
        }
        return errors
    }

    /// `IsValidIPForLegacyField` (apimachinery, validation/ip.go).
    private static func problem(_ server: String, _ behaviour: Behaviour) -> String? {
        guard let address = IPAddress(sloppy: server) else {
            return "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
        }
        guard behaviour.refusesSloppyAddresses else { return nil }
        if IPAddress(strict: server) == nil { return "must not have leading 0s" }
        return server.contains(":") && !address.isIPv6 ? "must not be an IPv4-mapped IPv6 address" : nil
    }

    private static func searchErrors(_ searches: [Word], _ path: String, _ behaviour: Behaviour) -> [String] {
        var errors: [String] = []
        if searches.count > behaviour.searchPathLimit {
            errors.append(
                "\(path).searches: Invalid value: \(list(searches)): "
                    + "must not have more than \(behaviour.searchPathLimit) search paths"
            )
        }
        if searches.joinedCount > behaviour.searchListLimit {
            errors.append(
                "\(path).searches: Invalid value: \(list(searches)): must not have more than "
                    + "\(behaviour.searchListLimit) characters (including spaces) in the search list"
            )
        }
        for (index, search) in searches.enumerated() {
            if behaviour.relaxesSearchValidation, search == "." { continue }
            // The server names what it looked at, without the dot.
            let name = search.withoutTrailingDot
            func refuse(_ why: String) {
                errors.append("\(path).searches[\(index)]: Invalid value: \(quoted(name)): \(why)")
            }
            if name.count > Limits.searchPath { refuse("must be no more than \(Limits.searchPath) bytes") }
            if !isSubdomain(name.bytes, allowsUnderscore: behaviour.relaxesSearchValidation) {
                refuse(behaviour.relaxesSearchValidation ? relaxedRule : strictRule)
            }
        }
        return errors
    }

    static let strictRule = rule("'-' or '.'", label: "[a-z0-9]([-a-z0-9]*[a-z0-9])?")
    private static let relaxedRule = rule("'_', '-' or '.'", label: "_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?")

    private static func rule(_ marks: String, label: String) -> String {
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, \(marks), and must start and end "
            + "with an alphanumeric character (e.g. 'example.com', regex used for validation is '\(label)(\\.\(label))*')"
    }

    /// The form alone, whatever the length.
    ///
    /// Labels `[a-z0-9]([-a-z0-9]*[a-z0-9])?` with points between; relaxed (KEP-4427): `_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?`.
    static func isSubdomain(_ name: [UInt8], allowsUnderscore: Bool) -> Bool {
        guard !name.isEmpty else { return false }
        let underscore = UInt8(ascii: "_")
        func isAlphanumeric(_ byte: UInt8) -> Bool {
            UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
        }
        return name.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).allSatisfy { label in
            let rest = allowsUnderscore && label.first == underscore ? label.dropFirst() : label
            guard let first = rest.first, let last = rest.last else { return false }
            return isAlphanumeric(first) && isAlphanumeric(last)
                && rest.allSatisfy {
                    isAlphanumeric($0) || $0 == UInt8(ascii: "-") || (allowsUnderscore && $0 == underscore)
                }
        }
    }

    static func quoted(_ word: Word) -> String { String(decoding: Quoting.go(word.bytes), as: UTF8.self) }

    private static func list(_ words: [Word]) -> String { "[" + words.map(quoted).joined(separator: ",") + "]" }
}
