import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Order, Sent, Work } from "./load.ts";

/** The load of load.ts: a process of its own, so that its CPU time is not the receiver's. */
export class LoadProcess {
  private readonly child = fork(join(import.meta.dirname, "load.ts"));

  /** What is costly of a round is done now, for whoever gets it. */
  async prepare(work: Work): Promise<void> {
    await this.ask({ do: "prepare", work });
  }

  /** A round of what was prepared. @param address host:port of the receiver */
  async send(address: string): Promise<Sent> {
    return (await this.ask({ do: "send", address })) as Sent;
  }

  end(): void {
    this.child.kill();
  }

  private async ask(order: Order): Promise<unknown> {
    this.child.send(order);
    const [answer] = await once(this.child, "message");
    return answer;
  }
}
