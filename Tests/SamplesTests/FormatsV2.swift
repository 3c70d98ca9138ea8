// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// Files as kernels 6.8 to 6.14 print them on cgroup v2.
enum FormatsV2 {
    static let memoryStat = """
        anon 104857600
        file 209715200
        kernel 8388608
        kernel_stack 163840
        pagetables 1048576
        sec_pagetables 4096
        percpu 14208
        sock 8192
        vmalloc 12288
        shmem 4194304
        zswap 1000000
        zswapped 3000000
        file_mapped 22392832
        file_dirty 135168
        file_writeback 69632
        swapcached 2097152
        anon_thp 60817408
        file_thp 6291456
        shmem_thp 2097152
        inactive_anon 90000000
        active_anon 14000000
        inactive_file 150000000
        active_file 50000000
        unevictable 65536
        slab_reclaimable 4000000
        slab_unreclaimable 1500000
        slab 5500000
        workingset_refault_anon 12
        workingset_refault_file 34
        pgscan 99
        thp_fault_alloc 3

        """

    static let cpuStat = """
        usage_usec 5000000
        user_usec 3000000
        system_usec 2000000
        nice_usec 250000
        core_sched.force_idle_usec 0
        nr_periods 100
        nr_throttled 40
        throttled_usec 1234567
        nr_bursts 0
        burst_usec 0

        """

    static let ioStat = """
        8:16 rbytes=1459200 wbytes=314773504 rios=192 wios=353 dbytes=0 dios=0
        8:0 rbytes=90430464 wbytes=299008000 rios=8950 wios=1252 dbytes=50331648 dios=3021 cost.usage=12
        253:0 rbytes=4096 wbytes=0 rios=1 wios=0 dbytes=0 dios=0

        """
}
