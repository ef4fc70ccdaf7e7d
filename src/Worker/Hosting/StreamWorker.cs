using System.Diagnostics;
using System.Text;
using Microsoft.Extensions.Logging;
using StreamRnn.Engine;
using StreamRnn.Engine.Publish;
using StreamRnn.Engine.Recording;
using StreamRnn.Engine.Recovery;
using StreamRnn.Engine.Serving;
using StreamRnn.Engine.Stepping;
using StreamRnn.Engine.Storage;
using StreamRnn.Engine.Streams;
using StreamRnn.Engine.Telemetry;
using StreamRnn.Ingest.Faults;
using StreamRnn.Ingest.Intake;
using StreamRnn.Ingest.Mqtt.Client;
using StreamRnn.Ingest.Mqtt.Codec;
using StreamRnn.Ingest.Mqtt.Delivery;
using StreamRnn.Ingest.Ticks;
using StreamRnn.Worker.Configuration;
using StreamRnn.Worker.Dashboard;

namespace StreamRnn.Worker.Hosting;

/// <summary>
/// The walk of a tick, put together: link, intake, shards, publisher, and the same link out again. Stopping is draining: first nothing
/// more is taken in, then what was taken in is stepped, published and acknowledged, then the link says goodbye.
/// </summary>
internal sealed class StreamWorker : IDisposable
{
    private readonly IntakeGate _gate = new();
    private readonly StreamRnnOptions _options;
    private readonly TickTraces _traces;
    private readonly WorkerMetrics _metrics;
    private readonly NoticeCodec _notices;
    private readonly TimeProvider _clock;
    private readonly byte[][] _filters;
    private readonly DurableState? _durable;
    private readonly ITickLog _log;
    private readonly RecordingSink? _recording;
    private readonly TickRouter _router;
    private readonly ILogger _logger;
    private readonly Lock _leaving = new();
    private readonly long _known;
    private ControlSocket? _control;
    private long _heldAtStart;
    private bool _started;
    private bool _stopped;
    private bool _left;
    private readonly TaskCompletionSource _failure = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <param name="watchedStreams">Streams whose latest is kept on the <see cref="Board"/>; 0 where nobody watches.</param>
    public StreamWorker(StreamRnnOptions options, ModelCatalog models, WorkerMetrics metrics, TickTraces traces, ILoggerFactory loggers,
        TimeProvider clock, int watchedStreams = 0)
    {
        (_options, _traces, _metrics, _clock, _logger) = (options, traces, metrics, clock, loggers.CreateLogger<StreamWorker>());
        _filters = [.. options.Mqtt.EffectiveSubscriptions.Select(s => Encoding.UTF8.GetBytes(s.Topics))];
        _notices = new NoticeCodec(options.Publish.Prefix);
        if (options.Mqtt.ExposesPassword)
            Log.PasswordExposed(_logger, options.Mqtt.Address!.ToString());

        Streams = new StreamDirectory(options.Limits.Streams);
        Board = watchedStreams > 0 ? new LiveBoard(Streams, watchedStreams) : null;
        _durable = OpenDataDir(models);
        _known = _durable?.Log.AppendedPosition ?? -1;
        _log = (ITickLog?)_durable?.Log ?? NoLog.Instance;
        _recording = OpenRecording();
        Faults = new FaultCounters(loggers.CreateLogger<PacketIntake>(), clock, options.Publish.Faults ? Report : null);
        Link = CreateLink(loggers);
        Engine = CreateEngine(_durable?.Map ?? models.Map(Streams, options.TickRules));
        _router = new TickRouter(Engine.Inboxes);
        Intake = CreateIntake();
        Observe();
    }

    public StreamDirectory Streams { get; }

    public StreamEngine Engine { get; }

    public PacketIntake Intake { get; }

    public FaultCounters Faults { get; }

    public IBrokerLink Link { get; }

    /// <summary>Content of the page or terminal; null without a viewer.</summary>
    public LiveBoard? Board { get; }

    public WorkerStatus Status => new(
        Link.Description, IsReady, Streams.Count, AcceptedTickCount, Engine.Stepped, Engine.Published, Faults.Total)
    {
        Trouble = Link.Trouble,
    };

    /// <summary><see cref="Status"/> and what is counted, as JSON.</summary>
    public ReadOnlyMemory<byte> WriteStatus() => StatusJson.Write(Status, _metrics.Read());

    /// <summary>
    /// Ticks handed to the shards: those that came, those of an earlier run that were stepped again, and those that it held. Each is queued,
    /// stepped, held, or refused as late or repeated.
    /// </summary>
    public long AcceptedTickCount => Intake.AcceptedTickCount + RecoveredTickCount + _heldAtStart;

    /// <summary>Ticks taken in whose forecast has not been handed over.</summary>
    public long OwedForecastCount =>
        AcceptedTickCount - Engine.Published - Engine.Held - Faults.Of(TickFault.Late) - Faults.Of(TickFault.Repeated);

    /// <summary>Folder of ticks and states; null without one.</summary>
    public string? DataDir => _options.DataDir;

    /// <summary>The fate of the forecasts and anomalies handed to the broker so far.</summary>
    public PublishOutcome Outputs => Link.Outputs;

    /// <summary>Outputs that end with the process: the broker has not confirmed them, and nothing keeps the ticks to make them again.</summary>
    public long LostOutputCount => DataDir is null ? Outputs.Unconfirmed : 0;

    /// <summary>True while there is a data directory and no room for it: accepted ticks cannot leave.</summary>
    public bool IsDiskFull => _durable is { IsFull: true };

    /// <summary>Ticks of an earlier run, stepped again from the input log.</summary>
    public long RecoveredTickCount { get; private set; }

    /// <summary>True when ticks can arrive and would be stepped.</summary>
    public bool IsReady => Link.IsReady && !_stopped;

    /// <summary>Faults with a <see cref="CommandFailedException"/>, which names the remedy, when the worker cannot go on; else it never ends.</summary>
    public Task Failure => _failure.Task;

    public void Start()
    {
        _durable?.Restore(Engine, Link.Sessions);
        _heldAtStart = Engine.Held;
        _started = true;
        Engine.Start();
        Link.StartSending();
        if (_durable is not null)
        {
            RecoveredTickCount = _durable.Replay(_router, Link.Sessions);
            _durable.Start(Engine, _router, Link.Sessions, Link.Mark, _recording is null ? null : _recording.Settle);
            if (Streams.Count > 0)
                Log.Recovered(_logger, Streams.Count, DataDir!, RecoveredTickCount);
            _control = ControlSocket.Open(DataDir!, Reset, _logger);
        }
        Link.Start();
    }

    /// <summary>
    /// Ends intake and returns when everything accepted has been published and acknowledged. After a failure there is nothing to wait for:
    /// what was not acknowledged comes again in the next session.
    /// </summary>
    public void Stop()
    {
        if (Failure.IsFaulted || Interlocked.Exchange(ref _stopped, true))
            return;
        _durable?.Refuse();
        _control?.Dispose();
        Link.StopTakingIn();
        _gate.Close();
        _durable?.Stop();
        if (_started)
            Engine.Drain();
        else
            _recording?.Complete();
        _durable?.Dispose();
    }

    /// <summary>Any thread, also while another is at it: where a stop has run out of time it goes on, and the host disposes of what it has made.</summary>
    public void Dispose()
    {
        Stop();
        lock (_leaving)
        {
            if (!Failure.IsFaulted && !_left)
                Link.Dispose();
            _left = true;
        }
    }

    private bool IsBroker => _options.Broker.Enabled;

    private DurableState? OpenDataDir(ModelCatalog models) => DataDir is null ? null
        : new DurableState(new DataFolder(DataDir), Streams, ServingPlan.Of(models, _options.TickRules), models, _options.Durability,
            LinkOptions.Broker(_options).ReceiveMaximum, Fail, _clock, _logger, _options.Limits.StreamsInMemory);

    private RecordingSink? OpenRecording() => _options.Record is null ? null
        : new RecordingSink(new RecordingFolder(_options.Record, Streams, resumes: _durable is not null), _metrics, _logger);

    private IBrokerLink CreateLink(ILoggerFactory loggers) => IsBroker
        ? new EmbeddedBrokerLink(_options, Take, Faults, _traces, _metrics, loggers, _durable?.Log)
        : new MqttClientLink(_options, Take, Fail, _traces, _metrics, loggers, _clock, _durable?.Log);

    private StreamEngine CreateEngine(StreamModels map)
    {
        PublishOptions publish = _options.Publish;
        MessageSink messages = new(Link, new ForecastCodec(publish.Prefix, Streams, map),
            publish.Forecasts ? new Delivery((byte)publish.Qos, publish.Retain) : null,
            publish.Anomalies ? new Delivery(Qos: 1, Retain: false) : null);
        EngineCapacity capacity = new(_options.EffectiveShards, _options.EffectiveQueueCapacity, publish.Capacity, publish.WhenFull)
        {
            Cold = _durable?.Cold,
        };
        IEnumerable<IForecastSink?> sinks = [messages, Board, _recording];
        return new StreamEngine(map, capacity, _metrics, _traces, _log, _durable?.ConfirmedOutputs ?? -1, [.. sinks.OfType<IForecastSink>()])
        {
            Dropped = Dropped,
        };
    }

    private PacketIntake CreateIntake() => new(Streams, _router, Faults, _clock, new IntakeOptions
    {
        MaximumPayloadBytes = _options.Limits.PayloadBytes,
        OwnPrefix = _options.Publish.Prefix,
        // What the embedded broker has for others is passed over before; another broker keeps subscriptions of earlier configurations.
        Subscribed = IsBroker ? [] : [.. _options.Mqtt.EffectiveSubscriptions.Select(s => s.Topics)],
        MaximumAhead = _options.Limits.FarFuture,
        TimeZone = _options.Zone,
        Numbering = _options.Numbering,
    }, _log);

    private void Observe()
    {
        _metrics.ObserveIntake(() => AcceptedTickCount, Faults.Of);
        _metrics.ObserveHeld(() => Engine.Held, () => Engine.ReleasedEarly);
        _metrics.ObserveStreams(() => Streams.Count);
        if (_durable is DurableState state)
        {
            _metrics.ObserveDurability(() => state.Log.WrittenBytes, () => state.Log.WrittenFrames, () => state.IsFull,
                (() => state.SnapshotCount, () => state.SnapshotBytes, () => state.FailedSnapshotCount));
            _metrics.ObserveRepeats(() => Intake.RepeatedPacketCount);
        }
        if (_durable?.Cold is ColdStore cold)
        {
            _metrics.ObserveColdRows(() => Engine.InMemoryCount, () => Engine.StreamCount,
                (() => cold.Evicted.Rows, () => cold.Evicted.Bytes), (() => cold.Returned.Rows, () => cold.Returned.Bytes));
        }
        _metrics.ObserveConnection(Link.Name, () => Link.IsReady);
    }

    /// <summary>A message as it arrives, on the thread that read it.</summary>
    private void Take(in MqttPublish publish, in MqttPublishContext context)
    {
        if (IsBroker && !IsWanted(publish.Topic))
        {
            if (publish.Qos > 0)
                context.Ledger.TryOpen(publish.PacketId, publish.Qos, tickCount: 0);
            return;
        }

        // Not taken in and not acknowledged: its sender has it and will send it to whoever comes next.
        if (!_gate.TryEnter())
            return;
        try
        {
            int trace = 0;
            using Activity? span = _traces.Enabled && publish.Properties.TryGetUser("traceparent"u8, out ReadOnlySpan<byte> traceparent)
                ? _traces.Receive(traceparent, publish.Topic, out trace)
                : null;
            Packet packet = Packet.From(publish, context, trace);

            // To a broker RETAIN is a wish, and the value is as new as any other; from one it marks an old value.
            Intake.Accept(IsBroker ? packet with { Retained = false } : packet);
        }
        finally
        {
            _gate.Exit();
        }
    }

    /// <summary>Ends the worker where a drain is impossible; the first reason counts.</summary>
    public void Fail(string reason) => _failure.TrySetException(new CommandFailedException(reason));

    private int? Reset(StreamPattern pattern)
    {
        if (IsDiskFull)
            throw new CommandFailedException("the disk of the data directory is full and a reset cannot be written; make room and ask again");
        int? streams = StreamResets.Append(_durable!.Log, _router, pattern);
        if (streams is > 0)
            Log.StreamsReset(_logger, pattern.ToString(), streams.Value);
        return streams;
    }

    private void Dropped(TickFault fault, int stream, long position)
    {
        if (position > _known)
            Faults.Refuse(fault, Streams.Utf8Name(stream)[..Streams.TopicLength(stream)]);
        else
            Faults.Count(fault);   // an earlier run has told it
    }

    private bool IsWanted(ReadOnlySpan<byte> topic)
    {
        foreach (byte[] filter in _filters)
        {
            if (MqttTopic.Matches(filter, topic))
                return true;
        }
        return false;
    }

    private void Report(TickFault fault, ReadOnlySpan<byte> topic, long total) =>
        Link.Notify(_notices.FaultTopic, NoticeCodec.Fault(_clock.GetUtcNow(), fault, Encoding.UTF8.GetString(topic), total));
}
