using System.Globalization;
using System.Text.Json;

namespace StreamRnn.Worker.Tests.Verbs;

[Trait("speed", "slow")]
public class BenchCommandTests
{
    [Fact]
    public async Task Cells_prints_one_line_per_measurement_and_nothing_else()
    {
        (int exitCode, string output, string error) = await Executable.RunAsync(
            "bench", "cells", "--cell", "lstm,gru", "--hidden", "16", "--inputs", "1", "4", "--layers", "2", "--batch", "16", "--seconds", "0.001");

        Assert.Equal(0, exitCode);
        string[][] lines = [.. output.Trim().Split('\n').Select(line => line.Trim().Split(','))];
        string[] expected = [.. from cell in (string[])["lstm", "gru"] from inputs in (int[])[1, 4] from mode in (string[])["lat", "many"]
            select $"streamrnn,{mode},{cell},{inputs},16,2,{(mode == "lat" ? 1 : 16)}"];
        Assert.Equal(expected, lines.Select(line => string.Join(',', line[..7])));
        Assert.All(lines, line => Assert.Equal(9, line.Length));
        Assert.All(lines, line => Assert.True(double.Parse(line[7], CultureInfo.InvariantCulture) > 0));
        // In single precision an error of exactly zero over 1,000 steps would mean that nothing was compared.
        Assert.All(lines, line => Assert.InRange(double.Parse(line[8], CultureInfo.InvariantCulture), 1e-9, 5e-7));
        Assert.Contains("GFLOP/s", error);
    }

    [Theory]
    [InlineData("--cell", "elman")]
    [InlineData("--hidden", "0")]
    [InlineData("--mode", "fast")]
    public async Task What_cells_cannot_measure_is_a_usage_error(string option, string value)
    {
        (int exitCode, string output, string error) = await Executable.RunAsync("bench", "cells", option, value);

        Assert.Equal((2, ""), (exitCode, output));
        Assert.Contains($"{option} is '{value}'", error);
    }

    [Fact]
    public async Task Soak_feeds_a_worker_more_topics_than_it_may_hold_and_every_tick_is_accounted_for()
    {
        string csv = Path.GetTempFileName();
        (int exitCode, string output, string error) = await Executable.RunAsync("bench", "soak", "--duration", "2s", "--rate", "2000", "--topics", "2000",
            "--limit", "1100", "--every", "200ms", "--csv", csv, "--json");
        string[] rows = await File.ReadAllLinesAsync(csv);
        File.Delete(csv);

        Assert.Equal((0, ""), (exitCode, error));
        JsonElement report = JsonDocument.Parse(output).RootElement.GetProperty("report");
        long sent = report.GetProperty("sent").GetInt64(), refused = report.GetProperty("refused").GetProperty("stream_limit").GetInt64();
        Assert.InRange(sent, 1500, 20_000);   // on a machine with no time to spare it may last longer, or send less
        Assert.Equal(sent, refused + report.GetProperty("stepped").GetInt64());
        Assert.Equal(1100, report.GetProperty("streams").GetInt64());
        Assert.True(report.GetProperty("anonymous").GetProperty("largest").GetInt64() > 1100 * 192);
        Assert.StartsWith("seconds,resident_bytes,anonymous_bytes,", rows[0]);
        Assert.All(rows, row => Assert.Equal(rows[0].Split(',').Length, row.Split(',').Length));
    }

    [Theory]
    [InlineData("--topics", "10000000", "it takes 1 to 9999999")]
    [InlineData("--duration", "0s", "at least 1000ms")]
    [InlineData("--busy", "1.5", "it takes 0 to 1")]
    public async Task What_a_soak_cannot_do_is_a_usage_error(string option, string value, string rule)
    {
        (int exitCode, string output, string error) = await Executable.RunAsync("bench", "soak", option, value);

        Assert.Equal((2, ""), (exitCode, output));
        Assert.Contains($"{option} is '{value}'", error);
        Assert.Contains(rule, error);
    }

    [Theory]
    [InlineData("0")]
    [InlineData("-1")]
    [InlineData("NaN")]
    public async Task No_time_to_measure_in_is_a_usage_error(string seconds)
    {
        (int exitCode, string output, string error) = await Executable.RunAsync("bench", "durable", $"--seconds={seconds}");

        Assert.Equal((2, ""), (exitCode, output));
        Assert.Contains($"--seconds is '{seconds}'; it takes a number above 0.", error);
    }
}
