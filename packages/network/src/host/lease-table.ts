import type { DatabaseSync } from "node:sqlite";
import { NetworkError } from "../network-error.ts";
import type { TransportProtocol } from "../port-mapping.ts";
import type { Forward, PublishedPort } from "../rules.ts";
import type { Subnet } from "../subnet.ts";

// What the state database knows about this network. Which addresses and ports are taken is decided here, in
// one transaction that writes from its beginning: of two processes the second waits.

const schema = `
  CREATE TABLE IF NOT EXISTS network_subnet (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    subnet TEXT NOT NULL,
    last_address INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS network_lease (
    container_id TEXT PRIMARY KEY,
    address INTEGER NOT NULL UNIQUE,
    connected INTEGER NOT NULL DEFAULT 0
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS network_port (
    protocol TEXT NOT NULL,
    host_port INTEGER NOT NULL,
    host_ip TEXT NOT NULL,
    container_port INTEGER NOT NULL,
    container_id TEXT NOT NULL REFERENCES network_lease ON DELETE CASCADE,
    PRIMARY KEY (protocol, host_port, host_ip)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS network_port_by_container ON network_port (container_id);
`;
/** Milliseconds to wait for another process's transaction, which holds the lock for a few kernel calls. */
const patience = 30_000;

/** The rows of one state directory's network. Methods are to be called inside `transaction`. */
export class LeaseTable {
  readonly #database: DatabaseSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
    database.exec(`PRAGMA busy_timeout = ${patience}`);
    database.exec("PRAGMA foreign_keys = ON");
    database.exec(schema);
  }

  /** Run `change` alone among all processes; undone when it throws. Not to be nested. */
  transaction<Result>(change: () => Result): Result {
    this.#database.exec("BEGIN IMMEDIATE");
    try {
      const result = change();
      this.#database.exec("COMMIT");
      return result;
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK"); // a full disk has taken it back already
      throw error;
    }
  }

  subnet(): string | undefined {
    return this.#database.prepare("SELECT subnet FROM network_subnet").get()?.subnet as string | undefined;
  }

  /** Remember the subnet. With another one than before, addresses begin again. */
  setSubnet(subnet: Subnet): void {
    this.#database
      .prepare(
        `INSERT INTO network_subnet (id, subnet, last_address) VALUES (1, ?, ?)
         ON CONFLICT (id) DO UPDATE SET subnet = excluded.subnet, last_address = excluded.last_address
         WHERE network_subnet.subnet <> excluded.subnet`,
      )
      .run(subnet.text, subnet.gateway);
  }

  /**
   * The next address after the one given out last: an address that was just given back may still be in
   * somebody's ARP table or connection.
   * @throws {NetworkError} `ERR_NETWORK_NO_FREE_ADDRESS`.
   */
  reserveAddress(containerId: string, subnet: Subnet): number {
    const last = this.#database.prepare("SELECT last_address FROM network_subnet").get()!.last_address as number;
    const isTaken = this.#database.prepare("SELECT 1 FROM network_lease WHERE address = ?");
    const size = subnet.last - subnet.first + 1;
    for (let step = 1; step <= size; step++) {
      const address = subnet.first + ((last - subnet.first + step + size) % size);
      if (isTaken.get(address) !== undefined) continue;
      this.#database
        .prepare("INSERT INTO network_lease (container_id, address) VALUES (?, ?)")
        .run(containerId, address);
      this.#database.prepare("UPDATE network_subnet SET last_address = ?").run(address);
      return address;
    }
    throw new NetworkError("NO_FREE_ADDRESS", `lease an address of ${subnet.text}: all ${size} are taken`, {
      hint: "remove containers, or let housekeeping find those that ended",
    });
  }

  /** The container that has this port, or one that overlaps it: 0.0.0.0 overlaps every address. */
  ownerOfPort(port: { protocol: TransportProtocol; hostIp: string; hostPort: number }): string | undefined {
    return this.#database
      .prepare(
        `SELECT container_id FROM network_port
         WHERE protocol = ?1 AND host_port = ?2 AND (?3 = '0.0.0.0' OR host_ip IN ('0.0.0.0', ?3)) LIMIT 1`,
      )
      .get(port.protocol, port.hostPort, port.hostIp)?.container_id as string | undefined;
  }

  reservePort(containerId: string, port: PublishedPort): void {
    this.#database
      .prepare(
        "INSERT INTO network_port (protocol, host_port, host_ip, container_port, container_id) VALUES (?, ?, ?, ?, ?)",
      )
      .run(port.protocol, port.hostPort, port.hostIp, port.containerPort, containerId);
  }

  setConnected(containerId: string): boolean {
    const { changes } = this.#database
      .prepare("UPDATE network_lease SET connected = 1 WHERE container_id = ?")
      .run(containerId);
    return Number(changes) > 0;
  }

  has(containerId: string): boolean {
    return this.#database.prepare("SELECT 1 FROM network_lease WHERE container_id = ?").get(containerId) !== undefined;
  }

  remove(containerId: string): void {
    this.#database.prepare("DELETE FROM network_lease WHERE container_id = ?").run(containerId);
  }

  containers(): string[] {
    return this.#database
      .prepare("SELECT container_id FROM network_lease ORDER BY address")
      .all()
      .map((row) => row.container_id as string);
  }

  isEmpty(): boolean {
    return this.#database.prepare("SELECT 1 FROM network_lease LIMIT 1").get() === undefined;
  }

  /** Where published ports lead: of one container, or of all that are connected. */
  forwards(containerId?: string): Forward[] {
    return this.#database
      .prepare(
        `SELECT host_ip, host_port, container_port, protocol, address
         FROM network_port JOIN network_lease USING (container_id)
         WHERE CASE WHEN ?1 IS NULL THEN connected ELSE container_id = ?1 END
         ORDER BY protocol, host_port, host_ip`,
      )
      .all(containerId ?? null)
      .map((row) => ({
        hostIp: row.host_ip as string,
        hostPort: row.host_port as number,
        containerPort: row.container_port as number,
        protocol: row.protocol as TransportProtocol,
        to: row.address as number,
      }));
  }
}
