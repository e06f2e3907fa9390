#!/bin/bash
# The image's command: KAFKA_FOO_BAR=x becomes foo.bar=x, then one broker on fresh storage.
set -eu
settings=/tmp/server.properties
echo "log.dirs=/tmp/data" > $settings
for name in $(compgen -e KAFKA_); do
  key=${name#KAFKA_}
  key=${key//_/.}
  echo "${key,,}=${!name}" >> $settings
done
cat > /tmp/log4j2.properties << 'LOGGING'
rootLogger.level=warn
rootLogger.appenderRef.out.ref=out
logger.started.name=kafka.server.KafkaRaftServer
logger.started.level=info
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d %p %m (%c)%n
LOGGING
java=(java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xmx512m -Dlog4j2.configurationFile=/tmp/log4j2.properties -cp '/opt/kafka/*')
"${java[@]}" kafka.tools.StorageTool format --ignore-formatted -t c2xvZ2F0ZS10ZXN0cy4uLg -c $settings
exec "${java[@]}" kafka.Kafka $settings
