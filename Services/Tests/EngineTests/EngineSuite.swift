// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Testing

/// Real engines: one test at a time, for they share the node's file and names.
@Suite(.serialized, .enabled(if: Lab.isThere, "needs containerd and dockerd: make services-node-test"))
struct EngineSuite {}
