// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import Kernel
package import Samples

/// Puts views into a running container, and takes them out.
///
/// For processes with one thread only.
package struct ViewMounts {
    private let visit: NamespaceVisit

    /// `isLast`: nothing of the host's files is looked at after the first container.
    package init(isLast: Bool = false) throws(Errno) {
        visit = try NamespaceVisit()
        visit.isLast = isLast
    }

    /// Why a view could not be put there.
    package struct Failure: Error, Equatable {
        package var target: Path
        package var cause: Errno
    }

    /// Mounts the views of `plan` that are free or stale, from `directory` (the daemon's for the container), in the mount
    /// namespace of `pid`.
    ///
    /// All or none: where one fails, those mounted before are taken off again. Returns what was mounted; a file that the
    /// container's kernel or file system does not have is left out. And what the container itself had mounted on one that is
    /// stale, where it could not be put back. Blocks while the daemon answers.
    package func place(
        _ plan: ViewPlan,
        from directory: Path,
        in pid: Int32
    ) throws(Failure) -> (placed: [Path], lost: [(place: Path, cause: Errno)]) {
        let steps = plan.steps.filter { $0.standing == .free || $0.standing == .stale }
        var trees: [(step: ViewPlan.Step, tree: FdBox)] = []
        for step in steps {
            do throws(Errno) {
                trees.append((step, FdBox(try Mount.clone(directory.appending(Path(step.view))))))
            } catch .noEntry {
                // A file this kernel does not have.
            } catch {
                throw Failure(target: step.target, cause: error)
            }
        }
        let mounts = (try? MountSurvey.mounts(of: pid)) ?? []
        let own = mounts.without([])
        let top = mounts.topmost
        var placed: [Path] = []
        var failure: Failure?
        let lost = Mending.Lost()
        do throws(Errno) {
            try visit.inside(pid) { () throws(Errno) in
                for (step, tree) in trees {
                    do throws(Errno) {
                        if step.standing == .stale, let stale = top.last(where: { $0.mountPoint == step.target.bytes })
                        {
                            try Mending.keeping(what: own, isOn: stale, lost) { () throws(Errno) in
                                try Mending.replace(step.target, with: tree.fd)
                            }
                        } else {
                            try Mount.attach(tree.fd, on: step.target)
                        }
                        placed.append(step.target)
                    } catch {
                        // The container has no such place.
                        if error == .noEntry || error == .notDirectory { continue }
                        failure = Failure(target: step.target, cause: error)
                        break
                    }
                }
                guard failure != nil else { return }
                for target in placed { try? Mount.unmount(target, lazily: true) }
            }
        } catch {
            throw Failure(target: Path("/proc/\(pid)/ns/mnt"), cause: error)
        }
        if let failure { throw failure }
        return (placed, lost.places)
    }

    /// Takes ours off, so that the container sees the kernel's own files; returns where.
    package func remove(_ mounts: [MountInfo], from pid: Int32) throws(Failure) -> [Path] {
        let kernels = Mending.kernelFiles(of: mounts)
        let all = (try? MountSurvey.mounts(of: pid)) ?? []
        var outcome: (places: [Path], failures: [(place: Path, cause: Errno)]) = ([], [])
        do throws(Errno) {
            try visit.inside(pid) { () throws(Errno) in outcome = Mending.takeOff(mounts, kernels, from: all) }
        } catch {
            throw Failure(target: Path("/proc/\(pid)/ns/mnt"), cause: error)
        }
        if let failure = outcome.failures.first { throw Failure(target: failure.place, cause: failure.cause) }
        return outcome.places
    }
}
