using System.CommandLine;
using StreamRnn.Engine;
using StreamRnn.Engine.Streams;
using StreamRnn.Lab.Cli;
using StreamRnn.Worker.Configuration;

namespace StreamRnn.Worker.Verbs;

/// <summary>The settings that are also options of <c>run</c> and <c>config check</c>. What is given here wins over file and environment.</summary>
internal sealed class RunArguments
{
    private readonly Option<string?> _config = new("--config")
    {
        Description = $"A settings file, read after the {WorkerConfiguration.FileName} beside the executable and in the current directory.",
        HelpName = "FILE",
    };
    private readonly Option<string?> _host = new("--host") { Description = "The broker to connect to: a host, or a URL mqtt://, mqtts://, ws:// or wss://.", HelpName = "HOST" };
    private readonly Option<int?> _port = new("--port") { Description = "The broker's port; the usual one of the URL, 1883, or 8883 with TLS, unless configured.", HelpName = "PORT" };
    private readonly Option<string?> _username = new("--username") { Description = "User name at the broker.", HelpName = "USER" };
    private readonly Option<string?> _passwordFile = new("--password-file") { Description = "File that holds the password and nothing else.", HelpName = "FILE" };
    private readonly Option<bool> _tls = new("--tls") { Description = "Encrypt the connection to the broker, whose usual port is then 8883." };
    private readonly Option<string[]> _subscribe = new("--subscribe")
    {
        Description = "A topic filter to take ticks from; may be repeated; '#' unless configured.",
        HelpName = "FILTER",
    };
    private readonly Option<int?> _qos = new("--qos") { Description = "Quality of service of the subscriptions: 0, 1 or 2.", HelpName = "0|1|2" };
    private readonly Option<string?> _model = new("--model")
    {
        Description = $"Model file of every stream that no pattern names; '{ShippedModel.Name}' is the shipped one, and so is none unless configured.",
        HelpName = "FILE",
    };
    private readonly Option<string?> _dataDir = new("--data-dir")
    {
        Description = "Keep the input log here: a worker that was killed goes on as if nothing had happened.",
        HelpName = "DIR",
    };
    private readonly Option<string?> _record = new("--record")
    {
        Description = "Keep every tick that was stepped here, one CSV file per stream: a replay of it gives the same numbers.",
        HelpName = "DIR",
    };
    private readonly Option<int?> _shards = new("--shards") { Description = "Loops that step in parallel; never changes a number.", HelpName = "N" };
    private readonly Option<int?> _embeddedBroker = new("--embedded-broker")
    {
        Description = "Start a broker inside the worker on this port (0: any free one) and take what devices publish there.",
        HelpName = "PORT",
    };
    private readonly Option<int?> _probes = new("--probes")
    {
        Description = "Serve /healthz/live, /healthz/ready and /healthz/startup on this port.",
        HelpName = "PORT",
    };

    private readonly Option<int?> _dashboard = new("--dashboard")
    {
        Description = "Serve a page that shows streams, forecasts and anomalies on this port (0: any free one); it answers the probes too.",
        HelpName = "PORT",
    };

    public RunArguments(Command command)
    {
        foreach (Option option in new Option[]
            { _config, _host, _port, _username, _passwordFile, _tls, _subscribe, _qos, _model, _dataDir, _record, _shards, _embeddedBroker, _probes, _dashboard })
        {
            command.Add(option);
        }
    }

    /// <summary>Reads every source and checks the outcome.</summary>
    public StreamRnnOptions Load(ParseResult parsed) =>
        WorkerConfiguration.Load(WorkerConfiguration.Read(parsed.GetValue(_config)), options => Apply(parsed, options));

    /// <summary>Sources of the settings, for readers of more than ours: log levels.</summary>
    public Microsoft.Extensions.Configuration.IConfigurationRoot Read(ParseResult parsed) => WorkerConfiguration.Read(parsed.GetValue(_config));

    private StreamRnnOptions Apply(ParseResult parsed, StreamRnnOptions options)
    {
        string? host = parsed.GetValue(_host);
        int? embedded = parsed.GetValue(_embeddedBroker);
        int? qos = parsed.GetValue(_qos);

        IReadOnlyList<SubscriptionOptions> subscriptions = options.Mqtt.Subscriptions;
        if (parsed.GetValue(_subscribe) is { Length: > 0 } filters)
            subscriptions = [.. filters.Select(filter => new SubscriptionOptions { Filter = filter })];
        if (qos is not null)
            subscriptions = [.. (subscriptions.Count > 0 ? subscriptions : options.Mqtt.EffectiveSubscriptions).Select(s => s with { Qos = qos.Value })];

        bool isBroker = embedded is not null || (options.Broker.Enabled && host is null);
        if (isBroker && host is null && parsed.GetValue(_port) is not null)
        {
            throw new ConfigurationException(["--port is the port of the broker that --host names; the embedded one listens on the port that "
                + "--embedded-broker or Broker:Port names: leave --port out, or name a --host"]);
        }

        return options with
        {
            Model = parsed.GetValue(_model) ?? options.Model,
            DataDir = parsed.GetValue(_dataDir) ?? options.DataDir,
            Record = parsed.GetValue(_record) ?? options.Record,
            Shards = parsed.GetValue(_shards) ?? options.Shards,

            // One way in: naming one of them on the command line puts the other aside, whatever a file says.
            Mqtt = options.Mqtt with
            {
                Host = host ?? (embedded is null ? options.Mqtt.Host : null),
                Port = parsed.GetValue(_port) ?? options.Mqtt.Port,
                Username = parsed.GetValue(_username) ?? options.Mqtt.Username,
                PasswordFile = parsed.GetValue(_passwordFile) ?? options.Mqtt.PasswordFile,
                Tls = options.Mqtt.Tls with { Enabled = options.Mqtt.Tls.Enabled || parsed.GetValue(_tls) },
                Subscriptions = subscriptions,
            },
            Broker = options.Broker with
            {
                Enabled = isBroker,
                Port = embedded ?? options.Broker.Port,
            },
            Probes = options.Probes with { Port = parsed.GetValue(_probes) ?? options.Probes.Port },
            Dashboard = options.Dashboard with { Port = parsed.GetValue(_dashboard) ?? options.Dashboard.Port },
        };
    }
}
