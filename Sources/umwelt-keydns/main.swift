// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import KeyDNS
import Kernel
import Resolver
import Upcall

// What the kernel starts through /sbin/request-key for each dns_resolver key that it lacks: `umwelt-keydns KEY [FILE]`.
// No buffered output, no threads, no work at exit: each would be paid for by a mount that waits.

guard let invocation = Invocation() else {
    let isAsked = Invocation.argument(1) == Array("--help".utf8)
    let isSaid = (try? Fd.standard(isAsked ? 1 : 2).write(Array(Invocation.help.utf8))) != nil
    ProcessImage.end(code: !isAsked ? 2 : isSaid ? 0 : 1)
}
Helper.run(invocation)
