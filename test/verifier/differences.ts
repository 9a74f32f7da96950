/** They have the number of a type of the kernel that they were compiled for, which is another type here. */
const OTHER_KERNEL = 'the number of a type of another kernel, as a constant';

/** Later builds of Linux 6.18, and all from 7.0 on, refuse it. */
const NULL_ARGUMENT = 'NULL for a function of the kernel whose argument says nothing of it';

/** Where the verdict differs from that of Linux 6.18, and why. A difference that is gone has to be taken out. */
export const DIFFERENCES: Readonly<Record<string, string>> = {
  'func/recvmsg_unix_prog/recvmsg_unix_prog: refused': OTHER_KERNEL,
  'func/setget_sockopt/_getsockopt: refused': OTHER_KERNEL,
  'progs/verifier_global_ptr_args/anything_to_untrusted: refused': OTHER_KERNEL,
  'progs/verifier_global_ptr_args/anything_to_untrusted@7.0: refused': OTHER_KERNEL,
  'progs/verifier_global_ptr_args/anything_to_untrusted@7.2: refused': OTHER_KERNEL,
  'progs/test_bpf_nf_fail/lookup_null_bpf_tuple: refused': NULL_ARGUMENT,
  'progs/test_bpf_nf_fail/xdp_lookup_null_bpf_tuple: refused': NULL_ARGUMENT,
  'tv/direct_value_access/direct_map_access_write_test_7: accepted':
    'offsets into values are checked where maps are found (progs/resolve.ts), before the verifier',
};
