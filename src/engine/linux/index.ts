export { createLinuxKernel, type LinuxKernel } from './kernel.ts';
export { createLinuxPacketLab } from './lab.ts';
export { probeLinux } from './probe.ts';
