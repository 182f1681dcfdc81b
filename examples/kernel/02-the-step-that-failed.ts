import { isKernelError, perform } from "@ctr/kernel";

try {
  perform([
    {
      do: "write",
      path: "/nowhere/memory.max",
      text: "1",
      because: { option: "--memory 1", why: "more than this and the kernel ends it" },
    },
  ]);
} catch (error) {
  if (isKernelError(error))
    console.log(error.syscall, error.symbol, error.path, "because of", error.step?.because.option);
}
// prints: open ENOENT /nowhere/memory.max because of --memory 1
