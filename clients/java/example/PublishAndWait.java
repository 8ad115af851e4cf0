import com.fasterxml.jackson.databind.*;
import java.io.File;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.time.*;
import java.util.*;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.apache.avro.Schema;
import org.apache.avro.generic.*;
import org.apache.avro.message.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.serialization.*;

/** Publishes one sentence and prints its result: BROKERS KEY_FILE SCHEMA_FOLDER CLIENT TENANT MODEL_TYPE TEXT */
public class PublishAndWait {
    static final ObjectMapper JSON = new ObjectMapper();

    public static void main(String[] args) throws Exception {
        JsonNode key = JSON.readTree(new File(args[1]));
        Schema requested = new Schema.Parser().parse(new File(args[2], "ClassificationRequest.avsc"));
        Schema completed = new Schema.Parser().parse(new File(args[2], "ClassificationResult.avsc"));
        Schema failed = new Schema.Parser().parse(new File(args[2], "ClassificationFailure.avsc"));
        String id = UUID.randomUUID().toString(), tenant = args[4], modelType = args[5];
        String topic = "veriaidpo.requests." + modelType, replies = "veriaidpo.replies." + args[3];
        byte[] correlationId = UUID.randomUUID().toString().getBytes("UTF-8");
        Map<String, Object> kafka = Map.of("bootstrap.servers", args[0], "acks", "all");
        try (var consumer = new KafkaConsumer<>(kafka, new ByteArrayDeserializer(), new ByteArrayDeserializer());
             var producer = new KafkaProducer<>(kafka, new ByteArraySerializer(), new ByteArraySerializer())) {
            var partition = new TopicPartition(replies, 0);
            consumer.assign(List.of(partition));
            consumer.seekToEnd(List.of(partition));
            consumer.position(partition);  // from here on, no reply is missed

            GenericRecord request = new GenericRecordBuilder(requested).set("request_id", id).set("tenant_id", tenant)
                .set("model_type", modelType).set("language", "vi").set("text", args[6]).build();
            ByteBuffer encoded = new BinaryMessageEncoder<GenericRecord>(GenericData.get(), requested).encode(request);
            byte[] value = Arrays.copyOfRange(encoded.array(), encoded.position(), encoded.limit());

            long now = Instant.now().getEpochSecond();
            Map<String, Object> claims = new HashMap<>(Map.of("iss", key.get("issuer"), "aud", "veriaidpo", "sub", args[3],
                "role", "service", "tenant_id", tenant, "permissions", List.of("processing_activity.read")));
            claims.putAll(Map.of("iat", now, "exp", now + 300, "jti", id, "topic", topic,
                "digest", HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(value)),
                "reply", Map.of("topic", replies, "partition", 0, "correlation_id", base64url(correlationId))));
            String signed = base64url(JSON.writeValueAsBytes(Map.of("alg", "HS256", "kid", key.get("kid"),
                "typ", "veriaidpo-event+jwt"))) + "." + base64url(JSON.writeValueAsBytes(claims));
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(key.get("key").textValue().getBytes("UTF-8"), "HmacSHA256"));
            String token = signed + "." + base64url(mac.doFinal(signed.getBytes("UTF-8")));

            var record = new ProducerRecord<byte[], byte[]>(topic, id.getBytes("UTF-8"), value);
            Map.of("authorization", "Bearer " + token, "ce_id", id, "ce_source", args[3], "ce_specversion", "1.0",
                "ce_type", "vn.veriaidpo.classification.requested", "ce_time", Instant.now().toString(),
                "content-type", "application/avro", "kafka_replyTopic", replies)
                .forEach((name, text) -> record.headers().add(name, text.getBytes()));
            record.headers().add("kafka_replyPartition", ByteBuffer.allocate(4).putInt(0).array());
            record.headers().add("kafka_correlationId", correlationId);
            producer.send(record).get();

            for (Instant end = Instant.now().plusSeconds(30); Instant.now().isBefore(end);)
                for (var reply : consumer.poll(Duration.ofSeconds(1)))
                    if (Arrays.equals(header(reply.headers(), "kafka_correlationId"), correlationId)) {
                        boolean isFailure = new String(header(reply.headers(), "ce_type")).endsWith(".failed");
                        var decoder = new BinaryMessageDecoder<GenericRecord>(GenericData.get(), isFailure ? failed : completed);
                        System.out.println(decoder.decode(reply.value()));
                        System.exit(isFailure ? 1 : 0);
                    }
            throw new IllegalStateException("no reply within 30 s");
        }
    }

    static byte[] header(Headers headers, String name) {
        return headers.lastHeader(name) == null ? null : headers.lastHeader(name).value();
    }

    static String base64url(byte[] bytes) {
        return Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
    }
}
