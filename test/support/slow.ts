/** How many times as long everything takes, by the environment: on an emulated processor (tools/kernels.js). Time limits of tests are multiplied by it. */
export const SLOW = Number(process.env.SKEP_TEST_SLOW ?? 1);
