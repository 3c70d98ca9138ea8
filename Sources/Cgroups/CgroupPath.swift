// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Kernel

/// A cgroup's path as the kernel prints it: `/`, or components with a slash before each.
struct CgroupPath: Hashable, Sendable {
    let path: Path

    /// nil for what the kernel does not print (cgroup_path_ns: absolute, shorter than PATH_MAX).
    init?(_ bytes: [UInt8]) {
        guard bytes.first == slash, bytes.count <= 4096 else { return nil }
        // One spelling for each: equal cgroups have equal paths.
        let components = bytes.split(separator: slash)
        self.init(components: components.map(Array.init))
    }

    init(components: [[UInt8]]) {
        var bytes: [UInt8] = components.isEmpty ? [slash] : []
        for component in components {
            bytes.append(slash)
            bytes.append(contentsOf: component)
        }
        path = Path(bytes)
    }

    var components: [[UInt8]] { path.bytes.split(separator: slash).map(Array.init) }

    var isRoot: Bool { path.bytes.count == 1 }

    /// Whether it starts with `..`: out of the reader's cgroup namespace.
    ///
    /// No cgroup can have that name.
    var climbs: Bool { path.bytes.starts(with: "/..".utf8) && (path.bytes.count == 3 || path.bytes[3] == slash) }

    var parent: CgroupPath? { isRoot ? nil : CgroupPath(components: components.dropLast()) }

    func isAtOrBeneath(_ other: CgroupPath) -> Bool { below(other) != nil }

    /// The components from `other` down to this; nil where this is not at or beneath `other`.
    func below(_ other: CgroupPath) -> [[UInt8]]? {
        let mine = path.bytes
        let theirs = other.isRoot ? [] : other.path.bytes
        guard mine.starts(with: theirs), mine.count == theirs.count || mine[theirs.count] == slash else { return nil }
        let rest = mine[theirs.count...].split(separator: slash).map(Array.init)
        // `/../..` is above `/..`, not beneath it.
        return rest.first?.elementsEqual("..".utf8) ?? false ? nil : rest
    }

    func strippingLast(_ name: String) -> CgroupPath {
        let components = components
        guard let last = components.last, last.elementsEqual(name.utf8) else { return self }
        return CgroupPath(components: components.dropLast())
    }

    func absolute(under root: CgroupPath) -> CgroupPath {
        var result = root.components
        for component in components {
            if component.elementsEqual("..".utf8) { _ = result.popLast() } else { result.append(component) }
        }
        return CgroupPath(components: result)
    }
}

private let slash = UInt8(ascii: "/")
