import type { Admin, Kafka } from "kafkajs";
import type { KafkaSettings } from "../model/kafka-settings.ts";
import { kafkaError } from "./kafka-client.ts";

/** What `describeConfigs` calls a topic; the package's own name for it cannot be imported from a module. */
const TOPIC_RESOURCE = 2;

/** Creates the topic, compacted, when it is missing. */
export async function ensureTopic(client: Kafka, settings: KafkaSettings): Promise<void> {
  const admin = client.admin();
  await admin.connect();
  try {
    if (await exists(admin, settings.topic)) return await checkPolicy(admin, settings.topic);
    await admin.createTopics({
      waitForLeaders: true,
      topics: [
        {
          topic: settings.topic,
          numPartitions: settings.partitions,
          // -1: the brokers' default.
          replicationFactor: settings.replicationFactor ?? -1,
          configEntries: [{ name: "cleanup.policy", value: "compact" }],
        },
      ],
    });
  } finally {
    await admin.disconnect();
  }
}

async function exists(admin: Admin, topic: string): Promise<boolean> {
  try {
    await admin.fetchTopicMetadata({ topics: [topic] });
    return true;
  } catch (error) {
    if ((error as { type?: string }).type === "UNKNOWN_TOPIC_OR_PARTITION") return false;
    throw error;
  }
}

/** Without compaction a topic loses the state of gates that have not changed for long. */
async function checkPolicy(admin: Admin, topic: string): Promise<void> {
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: [{ type: TOPIC_RESOURCE, name: topic, configNames: ["cleanup.policy"] }],
  });
  const policy = resources[0]?.configEntries.find(
    ({ configName }) => configName === "cleanup.policy",
  );
  if (policy === undefined || policy.configValue.split(",").includes("compact")) return;
  throw kafkaError(
    "topic",
    `${topic} has cleanup.policy=${policy.configValue}, it must be compact; nothing is published to it until then ` +
      `(kafka-configs.sh --alter --entity-type topics --entity-name ${topic} --add-config cleanup.policy=compact)`,
  );
}
