// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import KeyDNS
package import Kernel
import Resolver

/// The stock helper in a mount namespace in which resolv.conf is a zone's.
///
/// Everything happens in a child: the caller, and with it the host, keeps its mounts.
package enum NamespaceRun {
    /// glibc tells no TTL; this is how long a key of the stock helper lives.
    ///
    /// Less than the 3 s after which cifs tries to reconnect again (cifs_reconnect() in fs/smb/client/connect.c): of a key that
    /// lives longer it takes the lost server's address once more.
    package static let ttl: UInt32 = 2

    /// Becomes `program` with `arguments` behind its name; only errors return.
    ///
    /// To be called in a process of its own.
    package static func become(
        _ program: Path,
        arguments: [[UInt8]],
        zone: Zone,
        state: Path
    ) throws(Errno) -> Never {
        let resolvConf = KeyDNSPaths.resolvConf(of: zone.domain?.description ?? "", in: state)
        let nsswitch = KeyDNSPaths.nsswitch(in: state)
        try Namespaces.mount.unshare()
        try Mount.makeAllSlaves()
        // nscd would go round resolv.conf: with nothing at its directory there is none.
        if FileTree.isThere("/run/nscd") { try? Mount.mount("none", on: "/run/nscd", type: "tmpfs") }
        do throws(Errno) {
            try cover("/etc/resolv.conf", with: resolvConf)
            // glibc without a file asks DNS before files; that is good enough.
            try? cover("/etc/nsswitch.conf", with: nsswitch)
        } catch .noEntry {
            try overlay(resolvConf: resolvConf, nsswitch: nsswitch, state: state)
        }
        try ProcessImage.become(program, arguments: [program.bytes] + arguments)
    }

    /// Puts `source` over `target` itself, where that is a symbolic link too, dangling or not.
    private static func cover(_ target: Path, with source: Path) throws(Errno) {
        do throws(Errno) {
            // move_mount(2) follows no link unless it is told to.
            try Mount.attach(try Mount.clone(source), on: target)
        } catch .notImplemented {
            try Mount.bind(source, on: target)
        }
    }

    /// Where there is nothing to put it over: all of /etc with one more file, by overlayfs, which shows no mount in /etc.
    private static func overlay(resolvConf: Path, nsswitch: Path, state: Path) throws(Errno) {
        let content = try Fd.contents(of: resolvConf, limit: Policy.maximumLength)
        let order = try? Fd.contents(of: nsswitch, limit: Policy.maximumLength)
        try Mount.mount("none", on: state, type: "tmpfs")
        for name: Path in ["upper", "work"] { try Directories.make(state.appending(name)) }
        try FileTree.write(content, to: state.appending("upper/resolv.conf"), mode: 0o644)
        if let order { try FileTree.write(order, to: state.appending("upper/nsswitch.conf"), mode: 0o644) }
        try Mount.mount(
            "none",
            on: "/etc",
            type: "overlay",
            data: Path("lowerdir=/etc,upperdir=\(state)/upper,workdir=\(state)/work")
        )
    }
}
