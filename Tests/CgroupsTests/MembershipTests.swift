// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Cgroups
import Kernel
import Testing

struct MembershipTests {
    @Test func linesComeInAnyOrder() {
        let membership = Membership("0::/a\n9:name=systemd:/x\n4:cpuacct,cpu:/b\n7:blkio:/c\n")
        #expect(membership.unified == "/a")
        #expect(membership[.cpu] == "/b")
        #expect(membership[.cpuacct] == "/b")
        #expect(membership[.io] == "/c")
        #expect(membership[.memory] == nil)
        #expect(!membership.isEmpty)
        #expect(Membership("").isEmpty)
    }

    @Test func pathsAreBytes() {
        // Everything but NUL and newline, colons included.
        let name = (1...255).map(UInt8.init).filter { $0 != 10 && $0 != 47 }
        let line = Array("4:memory:/".utf8) + name + [10]
        #expect(Membership(parsing: line.span)[.memory]?.bytes == [47] + name)
    }

    @Test(arguments: ["", "x", "0:", "0::", "0::relative", "4:memory", ":::", "\n\n", "99999999999999999999:memory:/a"])
    func garbageIsNoMembership(_ text: String) {
        let membership = Membership(text)
        #expect(membership.unified == nil)
        _ = membership.isRoot
    }

    @Test func beneath() {
        let top = Membership("4:memory:/a/b\n0::/\n")
        #expect(Membership("4:memory:/a/b\n0::/\n").isAtOrBeneath(top))
        #expect(Membership("4:memory:/a/b/c\n0::/x\n").isAtOrBeneath(top))
        #expect(!Membership("4:memory:/a/bc\n0::/\n").isAtOrBeneath(top))
        #expect(!Membership("4:memory:/a\n0::/\n").isAtOrBeneath(top))
        #expect(!Membership("0::/\n").isAtOrBeneath(top))
        #expect(!Membership("0::/../..\n").isAtOrBeneath(Membership("0::/..\n")))
        #expect(!Membership("0::/../x\n").isAtOrBeneath(Membership("0::/\n")))
    }

    @Test func initScopeAtTheEndOnly() {
        #expect(Membership("0::/a/init.scope\n").strippingInitScope() == Membership("0::/a\n"))
        #expect(Membership("0::/init.scope\n").strippingInitScope() == Membership("0::/\n"))
        #expect(Membership("0::/init.scope/a\n").strippingInitScope() == Membership("0::/init.scope/a\n"))
        #expect(Membership("0::/xinit.scope\n").strippingInitScope() == Membership("0::/xinit.scope\n"))
    }

    @Test func absoluteUnderANamespaceRoot() {
        let root = Membership("4:memory:/pods/p/daemon\n0::/v2/daemon\n")
        let relative = Membership("4:memory:/../other\n0::/..\n3:cpuset:/../x\n")
        #expect(relative.isRelative)
        let absolute = relative.absolute(under: root)
        #expect(absolute[.memory] == "/pods/p/other")
        #expect(absolute.unified == "/v2")
        #expect(absolute[.cpuset] == "/../x")
        // More steps than there are levels end at the root.
        #expect(Membership("0::/../../../../..\n").absolute(under: root).unified == "/")
    }

    @Test func namespaceRootFromBothViews() {
        let outside = Membership("4:memory:/docker/ab/nested\n0::/docker/ab\n")
        let root = outside.namespaceRoot(seenInside: Membership("4:memory:/nested\n0::/\n"))
        #expect(root == Membership("4:memory:/docker/ab\n0::/docker/ab\n"))
        #expect(outside.namespaceRoot(seenInside: Membership("4:memory:/..\n0::/\n")) == nil)
        #expect(outside.namespaceRoot(seenInside: Membership("4:memory:/else\n0::/\n")) == nil)
    }

    @Test func climbing() {
        let own = Membership("4:memory:/a/b/c\n3:cpuset:/x\n0::/a/b\n")
        #expect(
            own.climbed(to: Membership("4:memory:/a\n3:cpuset:/y\n"))
                == Membership("4:memory:/a\n3:cpuset:/x\n0::/a/b\n")
        )
        #expect(own.parent == Membership("4:memory:/a/b\n3:cpuset:/\n0::/a\n"))
        #expect(Membership("0::/\n").parent == nil)
    }

    @Test func rootsOfAContainersMounts() {
        let text = "31 22 0:31 /docker/a\\040b /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
        #expect(Membership(mountRoots: Array(text.utf8))[.memory] == "/docker/a b")
    }
}
