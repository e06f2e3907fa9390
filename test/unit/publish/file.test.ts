import {
  appendFile,
  mkdir,
  mkdtemp,
  readFile,
  rename,
  rm,
  unlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { DecisionMessage } from "../../../src/model/decision-message.ts";
import { fileSink } from "../../../src/publish/file.ts";
import { decisionSinkContract } from "../../contract/decision-sink.ts";
import { decision } from "../../support/decisions.ts";

decisionSinkContract("file", async () => {
  const folder = await mkdtemp(join(tmpdir(), "slogate-file-"));
  const path = join(folder, "deep", "decisions.jsonl");
  return {
    sink: fileSink({ path }),
    published: () => lines(path),
    dispose: () => rm(folder, { recursive: true }),
  };
});

async function lines(path: string): Promise<DecisionMessage[]> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "";
    throw error;
  });
  return text
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as DecisionMessage);
}

describe("a decision file", () => {
  let folder: string;
  let path: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "slogate-file-"));
    path = join(folder, "decisions.jsonl");
  });
  afterEach(() => rm(folder, { recursive: true }));

  const publish = (sink: ReturnType<typeof fileSink>, sequence: number) =>
    sink.publish([decision({ sequence })], AbortSignal.timeout(5_000));
  const sequences = async (at: string) => (await lines(at)).map((d) => d.sequence);

  it("is opened anew after a rotation by renaming", async () => {
    const sink = fileSink({ path });
    await publish(sink, 1);
    await rename(path, `${path}.1`);
    await publish(sink, 2);
    await rename(path, `${path}.2`);
    await writeFile(path, "");
    await publish(sink, 3);
    await sink.close();
    expect(await sequences(`${path}.1`)).toEqual([1]);
    expect(await sequences(`${path}.2`)).toEqual([2]);
    expect(await sequences(path)).toEqual([3]);
  });

  it("is created again after its removal", async () => {
    const sink = fileSink({ path });
    await publish(sink, 1);
    await unlink(path);
    await publish(sink, 2);
    await sink.close();
    expect(await sequences(path)).toEqual([2]);
  });

  it("keeps what earlier runs wrote and ends a line that a crash tore", async () => {
    await appendFile(path, '{"torn":');
    const sink = fileSink({ path });
    await publish(sink, 1);
    await sink.close();
    const [torn, whole, rest] = (await readFile(path, "utf8")).split("\n");
    expect(torn).toBe('{"torn":');
    expect(JSON.parse(whole ?? "")).toMatchObject({ sequence: 1 });
    expect(rest).toBe("");
  });

  it("is not offered again when the path is a folder", async () => {
    await mkdir(path);
    await expect(publish(fileSink({ path }), 1)).rejects.toMatchObject({
      code: "SINK_REJECTED",
      retryable: false,
    });
  });

  it("on a full disk asks for another try and names the file", async () => {
    const sink = fileSink({ path: "/dev/full" });
    await expect(publish(sink, 1)).rejects.toMatchObject({
      code: "SINK_UNAVAILABLE",
      retryable: true,
      message: expect.stringMatching(/^file \/dev\/full: ENOSPC/),
    });
    await sink.close();
  });
});
