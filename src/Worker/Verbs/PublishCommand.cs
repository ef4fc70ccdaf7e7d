using System.CommandLine;
using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using MQTTnet;
using StreamRnn.Engine;
using StreamRnn.Ingest.Mqtt.Client;
using StreamRnn.Ingest.Mqtt.Codec;
using StreamRnn.Ingest.Recordings;
using StreamRnn.Lab.Cli;
using StreamRnn.Lab.Devices;

namespace StreamRnn.Worker.Verbs;

/// <summary><c>publish</c>: plays recordings to any broker, as a device would.</summary>
internal static class PublishCommand
{
    private static readonly TimeSpan ConfirmationPatience = TimeSpan.FromMinutes(1);

    public static Command Create()
    {
        Argument<string> data = new("DATA") { Description = "A CSV file, or a folder tree of them." };
        Option<string> host = new("--host") { Description = "The broker: a host, or a URL mqtt://, mqtts://, ws:// or wss://.", DefaultValueFactory = _ => "127.0.0.1" };
        Option<int?> port = new("--port") { Description = "Its port; the usual one of the URL, or 1883, unless given." };
        Option<string?> topic = new("--topic") { Description = "Topic to publish to; of a folder, the first part of each topic. Default: the recording's name." };
        topic.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<string?>() is string name && !MqttTopic.IsName(Encoding.UTF8.GetBytes(name)))
                result.AddError($"--topic is '{name}'; a message goes to one topic, without '+' and '#'.");
        });
        Option<double> rate = Bounded.Option("--rate", "Messages per second; 0 is as fast as the broker takes them.", 0.0, value => value >= 0, "0 or more");
        Option<int> qos = Bounded.Option("--qos", "Quality of service, 0, 1 or 2.", 1, value => value is >= 0 and <= 2, "0, 1 or 2");
        Option<int> devices = Bounded.Option(
            "--devices", "Play each row to so many topics, TOPIC/0, TOPIC/1, ...: one for each device.", 1, value => value is >= 1 and <= 1_000_000, "1 to 1000000");
        Option<long> rows = Bounded.Option("--rows", "Play so many rows of each recording at most.", long.MaxValue, value => value > 0, "1 or more");
        Option<bool> plain = new("--plain") { Description = "Send the number alone, without a time, instead of JSON." };
        Option<string?> timeColumn = new("--time-column") { Description = "The column of the event time, where its name does not say so." };
        Option<string[]> valueColumn = new("--value-column") { Description = "A column to publish; may be repeated; all that hold numbers unless given." };
        Option<string?> username = new("--username") { Description = "User to connect as." };
        Option<string?> passwordFile = new("--password-file") { Description = "File that holds the password and nothing else." };
        Option<string?> caFile = new("--ca-file") { Description = "PEM file of the authorities to trust over mqtts:// and wss://, in place of the system's." };
        Option<bool> json = new("--json") { Description = "Print the outcome as one line of JSON." };

        Command publish = new("publish", "Play a recording to any broker: a device simulator.")
        {
            data, host, port, topic, rate, qos, devices, rows, plain, timeColumn, valueColumn, username, passwordFile, caFile, json,
        };
        BrokerArgument.Check(publish, host, port);
        publish.SetAction(parsed =>
        {
            RecordingOptions reading = new() { TimeColumn = parsed.GetValue(timeColumn), ValueColumns = parsed.GetValue(valueColumn) ?? [] };
            IReadOnlyList<RecordingFile> files = RecordingFile.Find(parsed.GetRequiredValue(data));
            string? password = parsed.GetValue(passwordFile) is string file ? SecretFile.Read(file) : null;
            BrokerAddress broker = BrokerAddress.Parse(parsed.GetRequiredValue(host), parsed.GetValue(port));

            using StopSignal stop = new();
            // A session of its own, which goes on after a lost connection: then the broker knows what it has already.
            string clientId = $"streamrnn-publish-{Environment.ProcessId}-{RandomNumberGenerator.GetHexString(8, lowercase: true)}";
            MqttClientOptionsBuilder options = DeviceClient.Options(broker, clientId, parsed.GetValue(caFile));
            if (parsed.GetValue(username) is string user)
                options.WithCredentials(user, password);
            using DeviceClient client = DeviceClient.Connect(broker, options.Build(), stop.Token);
            RecordingPlayer player = new(client, (byte)parsed.GetValue(qos), parsed.GetValue(rate));

            long startedAt = Stopwatch.GetTimestamp();
            foreach (RecordingFile recording in files)
            {
                using CsvRecording source = CsvRecording.Open(recording.Path, reading);
                PayloadForm form = parsed.GetValue(plain) ? PayloadForm.Plain : PayloadForm.Json;
                DevicePayload payload = new(form, source.ValueColumns.Count == 1 ? [["value"]] : [.. source.ValueColumns.Select(column => new[] { column })]);
                player.Play(source, payload, Topics(recording, files.Count, parsed.GetValue(topic), parsed.GetValue(devices)), parsed.GetValue(rows), stop.Token);
            }
            bool confirmed = client.Drain(ConfirmationPatience);
            Report(player, client, Stopwatch.GetElapsedTime(startedAt), parsed.GetValue(json));
            if (!confirmed)
                throw new CommandFailedException($"the broker has not confirmed {client.UnconfirmedCount:N0} messages within {ConfirmationPatience.TotalSeconds:0} s ({client.LastFailure ?? "it is silent"})");
            return CommandLine.Success;
        });
        return publish;
    }

    private static string[] Topics(RecordingFile recording, int fileCount, string? topic, int devices)
    {
        string first = topic is null ? recording.Name : fileCount == 1 ? topic : $"{topic}/{recording.Name}";
        return devices == 1 ? [first] : [.. Enumerable.Range(0, devices).Select(device => $"{first}/{device}")];
    }

    private static void Report(RecordingPlayer player, DeviceClient client, TimeSpan took, bool json)
    {
        if (json)
        {
            Console.WriteLine(JsonSerializer.Serialize(new
            {
                published = player.Published,
                confirmed = client.ConfirmedCount,
                rejected = client.RejectedCount,
                dropped = client.DroppedCount,
                skippedRows = player.Skipped,
                seconds = Math.Round(took.TotalSeconds, 3),
            }));
            return;
        }
        Console.WriteLine($"{player.Published:N0} messages published, {client.ConfirmedCount:N0} confirmed, in {took.TotalSeconds:0.0} s"
            + (client.RejectedCount > 0 ? $"; the broker refused {client.RejectedCount:N0}" : "")
            + (client.DroppedCount > 0 ? $"; {client.DroppedCount:N0} were lost with the connection" : "")
            + (player.Skipped > 0 ? $"; {player.Skipped:N0} rows had no time or no number" : ""));
    }
}
