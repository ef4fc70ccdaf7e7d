using System.Text;
using StreamRnn.Ingest.Faults;
using StreamRnn.Ingest.Payloads;
using StreamRnn.Ingest.Recordings;
using StreamRnn.Lab.Devices;

namespace StreamRnn.Lab.Tests.Devices;

public sealed class DevicePayloadTests : IDisposable
{
    private const long FirstTime = 1_404_172_800_000_000_000;   // 2014-07-01T00:00:00Z
    private readonly string _path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName() + ".csv");

    public void Dispose() => File.Delete(_path);

    [Theory]
    [InlineData(nameof(PayloadForm.Json), "value", "", true)]
    [InlineData(nameof(PayloadForm.Json), "speed", "speed", true)]
    [InlineData(nameof(PayloadForm.Nested), "NYC/Passengers", "NYC.Passengers", true)]
    [InlineData(nameof(PayloadForm.SenMl), "temperature", "temperature", true)]
    [InlineData(nameof(PayloadForm.Plain), "value", "", false)]
    public void Every_form_is_understood_by_the_intake_with_the_value_and_time_of_the_row(string form, string names, string path, bool hasTime)
    {
        File.WriteAllText(_path, "timestamp,value\n2014-07-01 00:00:00,10844.25\n");
        Reading reading = Assert.Single(Decode(Enum.Parse<PayloadForm>(form), [names.Split('/')], out string[] paths));

        Assert.Equal(path, Assert.Single(paths));
        Assert.Equal(10844.25, reading.Value);
        Assert.Equal(hasTime ? FirstTime : ReadingBuffer.NoTime, reading.Time);
    }

    [Fact]
    public void A_row_of_several_columns_is_one_message_and_its_gaps_are_left_out()
    {
        File.WriteAllText(_path, "timestamp,pm2.5,rain,wind\n2014-07-01 00:00:00,1.5,,3\n");
        Reading[] readings = Decode(PayloadForm.Json, [["pm2.5"], ["rain"], ["wind"]], out string[] paths);

        Assert.Equal(["pm2%2E5", "wind"], paths);
        Assert.Equal([1.5, 3], readings.Select(reading => reading.Value));
    }

    [Theory]
    [InlineData("timestamp,value\n2014-07-01 00:00:00,\n")]
    [InlineData("timestamp,value\n2014-07-01 00:00:00,1\nsoon,2\n", 1)]
    public void A_row_without_a_time_or_a_number_gives_no_message(string csv, int rowsBefore = 0)
    {
        File.WriteAllText(_path, csv);
        using CsvRecording recording = CsvRecording.Open(_path, new RecordingOptions { TimeColumn = "timestamp", ValueColumns = ["value"] });
        DevicePayload payload = new(PayloadForm.Json, [["value"]]);
        for (int i = 0; i <= rowsBefore; i++)
            Assert.True(recording.TryRead());
        Assert.True(payload.Write(recording).IsEmpty);
    }

    private Reading[] Decode(PayloadForm form, string[][] names, out string[] paths)
    {
        using CsvRecording recording = CsvRecording.Open(_path, new RecordingOptions { ValueColumns = [] });
        Assert.True(recording.TryRead());
        ReadingBuffer buffer = new();
        Assert.Equal(TickFault.None, PayloadDecoder.Decode(new DevicePayload(form, names).Write(recording), FirstTime, TimeZoneInfo.Utc, buffer));
        Assert.Equal(0, buffer.RefusedCount);
        List<string> found = [];
        foreach (ref readonly Reading reading in buffer.Readings)
            found.Add(Encoding.UTF8.GetString(buffer.Path(reading)));
        paths = [.. found];
        return buffer.Readings.ToArray();
    }
}
