using System.Buffers;
using System.Text;
using System.Text.Json;
using StreamRnn.Ingest.Faults;

namespace StreamRnn.Engine.Publish;

/// <summary>The rare messages about the worker itself: <c>PREFIX/status</c>, retained, and <c>PREFIX/fault</c>.</summary>
public sealed class NoticeCodec(string prefix)
{
    public static ReadOnlySpan<byte> Online => "online"u8;

    /// <summary>Also the last will.</summary>
    public static ReadOnlySpan<byte> Offline => "offline"u8;

    public byte[] StatusTopic { get; } = Encoding.UTF8.GetBytes(prefix + "/status");

    public byte[] FaultTopic { get; } = Encoding.UTF8.GetBytes(prefix + "/fault");

    /// <summary><c>{"ts":"2026-01-01T00:00:00Z","reason":"malformed_json","topic":"plant/a","count":12}</c></summary>
    /// <param name="topic">Topic of the latest of them.</param>
    /// <param name="count">Inputs refused for this reason since the start.</param>
    public static byte[] Fault(DateTimeOffset at, TickFault reason, string topic, long count)
    {
        ArrayBufferWriter<byte> buffer = new();
        using (Utf8JsonWriter json = new(buffer))
        {
            json.WriteStartObject();
            json.WriteString("ts", at.UtcDateTime);
            json.WriteString("reason", reason.Reason());
            json.WriteString("topic", topic);
            json.WriteNumber("count", count);
            json.WriteEndObject();
        }
        return buffer.WrittenSpan.ToArray();
    }
}
