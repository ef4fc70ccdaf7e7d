using System.Buffers;
using System.Text.Json;
using StreamRnn.Engine.Telemetry;
using StreamRnn.Worker.Dashboard;

namespace StreamRnn.Worker.Hosting;

/// <summary>
/// What a worker counts, for whoever has no collector:
/// <code>{"link":"broker on 127.0.0.1:1883","ready":true,"streams":2,"accepted":9,"stepped":9,"published":9,"refused":1,"heap":9000000,
///  "committed":20000000,"metrics":{"streamrnn.streams":2,"streamrnn.ticks.refused":{"stream_limit":1,...},...}}</code>
/// Where it is not ready and the reason is known, "trouble" has it. An instrument with a tag is an object by its values. Heap is what the last collection left alive, committed what the heap has of the system.
/// </summary>
internal static class StatusJson
{
    public static ReadOnlyMemory<byte> Write(in WorkerStatus status, IReadOnlyList<MetricReading> readings)
    {
        ArrayBufferWriter<byte> buffer = new(4096);
        using Utf8JsonWriter json = new(buffer);
        json.WriteStartObject();
        json.WriteString("link", status.Link);
        json.WriteBoolean("ready", status.Ready);
        if (status.Trouble is string trouble)
            json.WriteString("trouble", trouble);
        json.WriteNumber("streams", status.Streams);
        json.WriteNumber("accepted", status.Accepted);
        json.WriteNumber("stepped", status.Stepped);
        json.WriteNumber("published", status.Published);
        json.WriteNumber("refused", status.Refused);
        GCMemoryInfo heap = GC.GetGCMemoryInfo();
        json.WriteNumber("heap", heap.HeapSizeBytes);
        json.WriteNumber("committed", heap.TotalCommittedBytes);
        json.WriteStartObject("metrics");
        foreach (IGrouping<string, MetricReading> instrument in readings.GroupBy(reading => reading.Name))
        {
            if (instrument.First().Tag is null)
            {
                json.WriteNumber(instrument.Key, instrument.First().Value);
                continue;
            }
            json.WriteStartObject(instrument.Key);
            foreach (MetricReading reading in instrument)
                json.WriteNumber(reading.Tag!, reading.Value);
            json.WriteEndObject();
        }
        json.WriteEndObject();
        json.WriteEndObject();
        json.Flush();
        return buffer.WrittenMemory;
    }
}
