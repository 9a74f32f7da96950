import { beforeAll, describe, expect, it } from 'vitest';
import { createLinuxKernel, createLinuxPacketLab } from './index.ts';

const kernel = createLinuxKernel();
describe('x', () => { it('y', () => { expect(kernel.fsType('/sys/fs/bpf')).toBe(0xcafe4a11); expect(kernel.readdir('/sys/class/net')).toBe(3); void createLinuxPacketLab; void beforeAll; }); });
