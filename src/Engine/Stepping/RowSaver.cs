namespace StreamRnn.Engine.Stepping;

/// <summary>
/// Saves a shard's states at one place of its ticks while the shard continues: some rows after each micro-batch, and a row that is about to
/// be stepped before that. Runs on the shard's thread, so there is nothing to lock.
/// </summary>
internal sealed class RowSaver(RowExchange exchange)
{
    // Rows copied at once: some 20 microseconds of work.
    private const int SliceBytes = 128 << 10;

    private RowPiece? _piece;
    private long _savedUpto;
    private long _since;
    private int _next;
    private int _end;

    /// <summary>The batch before the cut while rows are being saved, else -1: a place last stepped up to it has not been stepped since.</summary>
    public long CutBatch { get; private set; } = -1;

    public bool IsActive => CutBatch >= 0;

    /// <summary>Begins at the barrier.</summary>
    /// <param name="batch">The last before it.</param>
    /// <param name="places">Number of places.</param>
    public void Begin(long batch, int places, bool all)
    {
        (_since, _savedUpto) = (all ? 0 : _savedUpto, batch);
        (CutBatch, _next, _end) = (batch, 0, places);
    }

    /// <summary>Rows loaded from a snapshot are saved already.</summary>
    public void MarkSaved(long batch) => _savedUpto = batch;

    /// <summary>True if a place that was last stepped in this batch is as it was at the last cut.</summary>
    public bool IsUnchanged(long lastBatch) => lastBatch <= _savedUpto;

    /// <summary>True if a place last stepped in this batch, and not since the barrier, is to be saved.</summary>
    public bool Wants(long lastBatch) => lastBatch > _since && lastBatch <= CutBatch;

    /// <summary>True if the walk over the places has not come to this one yet.</summary>
    public bool IsAhead(int place) => place >= _next && place < _end;

    public void Save(int stream, int kind, ReadOnlySpan<float> row)
    {
        int rowBytes = row.Length * sizeof(float);
        _piece ??= exchange.Rent(rowBytes);
        if (_piece.TryAdd(stream, kind, row))
            return;
        exchange.Fill(_piece);
        _piece = exchange.Rent(rowBytes);
        _piece.TryAdd(stream, kind, row);
    }

    /// <summary>Aborts the snapshot with an error its reader will see.</summary>
    public void Fail(IOException reason) => exchange.Fail(reason);

    /// <summary>Saves the next rows of the walk.</summary>
    /// <param name="save">Saves the row of a place, if it is wanted; says how many bytes that were.</param>
    public void Go(Func<int, int> save, bool toTheEnd)
    {
        for (int left = SliceBytes; _next < _end && (toTheEnd || left > 0);)
            left -= 32 + save(_next++);
        if (_next < _end)
            return;
        if (_piece is not null)
            exchange.Fill(_piece);
        _piece = null;
        CutBatch = -1;
        exchange.Finish();
    }
}
