using System.Text.Json;

namespace StreamRnn.Worker.Tests.Verbs;

[Trait("speed", "slow")]
public class ConfigCommandTests
{
    [Fact]
    public async Task Check_says_in_words_what_a_worker_would_do()
    {
        (int exitCode, string output, string error) = await Executable.RunAsync("config", "check", "--host", "broker", "--subscribe", "plant/#", "--qos", "0");

        Assert.Empty(error);
        Assert.Equal(0, exitCode);
        Assert.Contains("connects to mqtt://broker:1883 by MQTT 5 as ", output);
        Assert.Contains("'plant/#' at QoS 0", output);
        Assert.Contains("streamrnn/STREAM/forecast at QoS 1", output);
        Assert.Contains("every stream: default@", output);
        Assert.Contains("no guarantee", output);
        Assert.Contains("a restart begins every stream anew", output);
    }

    [Fact]
    public async Task Check_says_where_states_are_kept()
    {
        (_, string output, _) = await Executable.RunAsync("config", "check", "--embedded-broker", "1883", "--data-dir", "/var/lib/streamrnn");

        Assert.Contains("listens as a broker on 127.0.0.1:1883", output);
        Assert.Contains("states outlive the process in /var/lib/streamrnn, committed every 20 ms at most", output);
    }

    [Fact]
    public async Task A_machine_may_read_the_answer()
    {
        (int exitCode, string output, _) = await Executable.RunAsync("config", "check", "--host", "broker", "--json");
        using JsonDocument valid = JsonDocument.Parse(output);
        Assert.Equal(0, exitCode);
        Assert.True(valid.RootElement.GetProperty("valid").GetBoolean());
        Assert.InRange(valid.RootElement.GetProperty("report").GetProperty("memoryBoundBytes").GetInt64(), 1_000_000, 1_000_000_000);

        (exitCode, output, _) = await Executable.RunAsync("config", "check", "--host", "broker", "--shards", "-1", "--json");
        using JsonDocument invalid = JsonDocument.Parse(output);
        Assert.Equal(1, exitCode);
        Assert.Contains("StreamRnn:Shards is -1", invalid.RootElement.GetProperty("problems")[0].GetString());
    }

    [Fact]
    public async Task A_wrong_configuration_is_a_failure_with_one_line_for_each_problem()
    {
        (int exitCode, string output, string error) = await Executable.RunAsync("config", "check", "--host", "broker", "--port", "0", "--shards", "999");

        Assert.Equal(1, exitCode);
        Assert.Empty(output);
        Assert.Equal(2, error.Trim().Split('\n').Length);
    }

    [Fact]
    public async Task Arguments_win_over_the_environment_and_that_over_files()
    {
        string file = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(file, """{ "StreamRnn": { "Mqtt": { "Host": "file", "Port": 1001, "ClientId": "from-file" } } }""");
            (_, string output, _) = await Executable.FinishAsync(Executable.Start(
                ["config", "check", "--config", file, "--port", "1003"],
                environment: new Dictionary<string, string> { ["StreamRnn__Mqtt__Host"] = "environment", ["StreamRnn__Mqtt__Port"] = "1002" }));
            Assert.Contains("connects to mqtt://environment:1003 by MQTT 5 as from-file", output);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public async Task A_port_for_a_broker_that_nobody_connects_to_is_refused_with_the_remedy()
    {
        (int exitCode, _, string error) = await Executable.RunAsync("config", "check", "--embedded-broker", "0", "--port", "1884");

        Assert.Equal(1, exitCode);
        Assert.Contains("name a --host", Assert.Single(error.Trim().Split('\n')));
    }

    [Fact]
    public async Task A_value_that_is_no_number_is_a_usage_error()
    {
        (int exitCode, _, string error) = await Executable.RunAsync("config", "check", "--port", "many");

        Assert.Equal(2, exitCode);
        Assert.Contains("many", error);
    }
}
