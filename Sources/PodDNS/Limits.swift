// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// Limits that have always held.
public enum Limits {
    /// The most nameservers of a pod.
    public static let nameservers = 3
    /// The longest search path, in bytes.
    public static let searchPath = 253
    /// A node's resolv.conf of this size, in bytes, or larger is an error.
    public static let fileSize = 10 << 20
}
