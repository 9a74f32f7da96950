import { SysError } from '../../../errors.ts';
import type { Kernel } from '../../../sys/kernel.ts';
import { O_DIRECTORY } from '../../../sys/kernel.ts';
import { errno } from '../../../uapi/errno.ts';
import type { Machine } from '../machine.ts';
import { Process } from '../process.ts';
import { checkDevice, type DeviceAccess, type DeviceNode } from './device.ts';

/** What processes do that programs of cgroups have a say in, and that no call of the seam does. Each throws SysError with what the call would answer. */
export interface LabCgroups {
  /** Moves a process: as writing its id to cgroup.procs of the cgroup whose directory `path` is. Throws SysError: ENOENT, ENOTDIR, EBADF if it is no cgroup. */
  move(process: Kernel, path: string): void;
  /** As open(2) or mknod(2) of a device node: programs at cgroup_device decide. */
  useDevice(process: Kernel, node: DeviceNode, ...accesses: readonly DeviceAccess[]): void;
  /** As reading /proc/sys/NAME at once: programs at cgroup_sysctl decide. */
  readSysctl(process: Kernel, name: string): string;
  /** As writing it. Throws SysError: ENOENT, EACCES for what is read-only, EINVAL for what is no number. */
  writeSysctl(process: Kernel, name: string, text: string): void;
}

export function labCgroups(machine: Machine): LabCgroups {
  const own = (process: Kernel): Process => {
    if (process instanceof Process && process.machine === machine) return process;
    throw new SysError(errno.ESRCH, 'cgroup', { detail: 'the process is none of this kernel' });
  };
  return {
    move(kernel, path) {
      const process = own(kernel);
      const fd = process.open(path, O_DIRECTORY);
      process.call('write', path, () => {
        const cgroup = process.cgroupOf(fd);
        return typeof cgroup === 'number' ? cgroup : process.moveTo(cgroup);
      });
      process.close(fd);
    },
    useDevice(kernel, node, ...accesses) {
      const process = own(kernel);
      const what = `${node.kind} ${node.major}:${node.minor}`;
      process.call('open', what, () => checkDevice(machine, process.cgroup, node, accesses).retval);
    },
    readSysctl(kernel, name) {
      const process = own(kernel);
      return process.call('read', `/proc/sys/${name}`, () => machine.sysctls.read(process, name));
    },
    writeSysctl(kernel, name, text) {
      const process = own(kernel);
      process.call('write', `/proc/sys/${name}`, () => machine.sysctls.write(process, name, text));
    },
  };
}
