using System.Diagnostics.Metrics;
using System.Text.Json;
using System.Text.RegularExpressions;
using StreamRnn.Engine.Telemetry;
using StreamRnn.Ingest.Mqtt.Broker;
using YamlDotNet.RepresentationModel;

namespace StreamRnn.Worker.Tests.Hosting;

[Collection(ListensToTheProcess.Name)]
public partial class DeployFilesTests
{
    private static readonly string Folder = Path.Combine(Root(), "deploy");

    [Theory]
    [InlineData("compose.yaml", "services")]
    [InlineData("kubernetes.yaml", "spec")]
    [InlineData("alerts.yaml", "groups")]
    public void Yaml_files_are_yaml(string file, string key)
    {
        using StreamReader reader = File.OpenText(Path.Combine(Folder, file));
        YamlStream yaml = [];
        yaml.Load(reader);
        Assert.Contains(new YamlScalarNode(key), ((YamlMappingNode)yaml.Documents[0].RootNode).Children.Keys);
    }

    [Fact]
    public void The_dashboard_is_json()
    {
        using JsonDocument dashboard = JsonDocument.Parse(File.ReadAllText(Path.Combine(Folder, "grafana.json")));
        Assert.NotEmpty(dashboard.RootElement.GetProperty("panels").EnumerateArray());
    }

    [Theory]
    [InlineData("grafana.json")]
    [InlineData("alerts.yaml")]
    public void Dashboard_and_alerts_ask_for_metrics_that_exist(string file)
    {
        HashSet<string> known = PrometheusNames();
        string[] asked = [.. Metric().Matches(File.ReadAllText(Path.Combine(Folder, file))).Select(match => match.Value).Distinct()];

        Assert.NotEmpty(asked);
        Assert.All(asked, name => Assert.Contains(name, known));
    }

    // What the OpenTelemetry collector makes of our names: dots, a suffix for s and By, _total for counters, _bucket for histograms.
    private static HashSet<string> PrometheusNames()
    {
        HashSet<string> names = [];
        using MeterListener listener = new();
        listener.InstrumentPublished = (instrument, _) =>
        {
            if (instrument.Meter.Name != WorkerMetrics.Name)
                return;
            string unit = instrument.Unit switch { "s" => "_seconds", "By" => "_bytes", _ => "" };
            string kind = instrument switch { Counter<long> or ObservableCounter<long> => "_total", Histogram<double> => "_bucket", _ => "" };
            names.Add(instrument.Name.Replace('.', '_') + unit + kind);
        };
        listener.Start();
        using WorkerMetrics metrics = new();
        metrics.ObserveIntake(() => 0, _ => 0);
        metrics.ObserveStreams(() => 0);
        metrics.ObserveState(() => 0);
        metrics.ObserveQueues([() => 0]);
        metrics.ObserveConnection("mqtt", () => true);
        metrics.ObserveClients();
        metrics.ObserveDurability(() => 0, () => 0, () => false, (() => 0, () => 0, () => 0));
        metrics.ObserveColdRows(() => 0, () => 0, (() => 0, () => 0), (() => 0, () => 0));
        using MqttBroker broker = new(new MqttBrokerOptions());
        metrics.ObserveBroker(broker);
        return names;
    }

    private static string Root()
    {
        string? directory = AppContext.BaseDirectory;
        while (directory is not null && !File.Exists(Path.Combine(directory, "StreamRnn.sln")))
            directory = Path.GetDirectoryName(directory);
        return directory ?? throw new DirectoryNotFoundException("the tests run outside of the repository");
    }

    [GeneratedRegex("streamrnn_[a-z_]+")]
    private static partial Regex Metric();
}
