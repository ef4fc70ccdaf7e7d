using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;
using StreamRnn.Engine;
using StreamRnn.Engine.Storage;
using StreamRnn.Engine.Streams;

namespace StreamRnn.Worker.Hosting;

/// <summary>
/// The way to a running worker for whoever owns its data directory: a Unix domain socket in it, which nobody else may connect to. One line of
/// JSON each way, one request at a time.
/// <code>
/// {"Reset":"plant/#"}   ->   {"Streams":12}   or   {"Error":"why not, and what to do"}
/// </code>
/// </summary>
internal sealed partial class ControlSocket : IDisposable
{
    private const int LongestLine = 64 << 10;

    // Between the two ends of one machine; what takes long is done between request and answer.
    private const int PatienceMilliseconds = 5000;

    // A reset waits for its turn in the log; only a disk that is full or dying takes so long.
    private const int AnswerMilliseconds = 60_000;

    private readonly Socket _listener;
    private readonly SocketPath _path;
    private readonly Func<StreamPattern, int?> _reset;
    private readonly Thread _thread;
    private volatile bool _closed;

    /// <param name="folder">Whose lock is held: a socket that is there was left by a process that is gone.</param>
    /// <param name="reset">Lets the streams that match begin anew and says how many; null when the worker is ending.</param>
    /// <exception cref="CommandFailedException">There can be no socket; says why.</exception>
    private ControlSocket(string folder, Func<StreamPattern, int?> reset)
    {
        _reset = reset;
        _path = SocketPath.In(folder);
        _listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            File.Delete(_path.Value);
            _listener.Bind(new UnixDomainSocketEndPoint(_path.Value));
            if (!OperatingSystem.IsWindows())
                File.SetUnixFileMode(_path.Value, UnixFileMode.UserRead | UnixFileMode.UserWrite);   // nobody can connect before Listen
            _listener.Listen();
        }
        catch
        {
            Close();
            throw;
        }
        _thread = new Thread(Run) { Name = "control", IsBackground = true };
        _thread.Start();
    }

    /// <summary>Opens it; a worker does without where that cannot be, and says so.</summary>
    public static ControlSocket? Open(string folder, Func<StreamPattern, int?> reset, ILogger logger)
    {
        try
        {
            return new ControlSocket(folder, reset);
        }
        catch (Exception e) when (e is SocketException or IOException or UnauthorizedAccessException or CommandFailedException)
        {
            Log.NoControlSocket(logger, e.Message);
            return null;
        }
    }

    /// <summary>Asks the worker that has a directory.</summary>
    /// <returns>Null where nobody listens there.</returns>
    /// <exception cref="CommandFailedException">It did not do it; says why.</exception>
    public static int? AskReset(string folder, string pattern)
    {
        using SocketPath path = SocketPath.In(folder);
        using Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(path.Value));
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.ConnectionRefused or SocketError.AddressNotAvailable || !File.Exists(path.Value))
        {
            return null;
        }
        socket.ReceiveTimeout = AnswerMilliseconds;
        Send(socket, new Request(pattern));
        Answer answer = ReadAnswer(socket, folder) ?? throw new CommandFailedException($"the worker that has {folder} gave no answer; did it end? Ask again");
        return answer.Error is null ? answer.Streams : throw new CommandFailedException(answer.Error);
    }

    public void Dispose()
    {
        Close();
        _thread.Join();
    }

    private void Close()
    {
        _closed = true;
        _listener.Dispose();   // and removes the file
        _path.Dispose();
    }

    private void Run()
    {
        while (true)
        {
            try
            {
                using Socket socket = _listener.Accept();
                (socket.ReceiveTimeout, socket.SendTimeout) = (PatienceMilliseconds, PatienceMilliseconds);
                Send(socket, Obey(Read<Request>(socket)));
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                if (_closed)
                    return;
            }
        }
    }

    private Answer Obey(Request? request)
    {
        if (request?.Reset is null)
            return new Answer(Error: "the worker does not know this request; is it of another version than the command?");
        try
        {
            return _reset(new StreamPattern(request.Reset)) is int streams ? new Answer(streams) : new Answer(Error: "the worker is ending; ask again when it has ended");
        }
        catch (Exception e) when (e is ArgumentException or CommandFailedException)
        {
            return new Answer(Error: e.Message);
        }
    }

    private static Answer? ReadAnswer(Socket socket, string folder)
    {
        try
        {
            return Read<Answer>(socket);
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.TimedOut or SocketError.WouldBlock)
        {
            throw new CommandFailedException($"the worker that has {folder} has not answered for {AnswerMilliseconds / 1000} s; is its disk full? It may still do it: ask again");
        }
    }

    private static void Send<T>(Socket socket, T message) => socket.Send([.. JsonSerializer.SerializeToUtf8Bytes(message), (byte)'\n']);

    private static T? Read<T>(Socket socket) where T : class
    {
        byte[] line = new byte[LongestLine];
        int length = 0, received;
        while (line.AsSpan(0, length).IndexOf((byte)'\n') < 0 && length < line.Length && (received = socket.Receive(line.AsSpan(length))) > 0)
            length += received;
        try
        {
            return JsonSerializer.Deserialize<T>(line.AsSpan(0, length));
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private sealed record Request(string? Reset);

    private sealed record Answer(int Streams = 0, string? Error = null);

    /// <summary>A path to the socket that fits into an address, 108 bytes on Linux: where the directory's does not, by way of an open descriptor.</summary>
    private sealed partial class SocketPath(string value, SafeFileHandle? folder) : IDisposable
    {
        private const int LongestBytes = 103;   // on macOS, the shortest

        public string Value => value;

        public static SocketPath In(string folder)
        {
            string full = Path.Combine(Path.GetFullPath(folder), DataFolder.ControlSocketName);
            if (Encoding.UTF8.GetByteCount(full) <= LongestBytes)
                return new SocketPath(full, null);
            if (!OperatingSystem.IsLinux())
                throw new CommandFailedException($"{full} is longer than the {LongestBytes} bytes that a socket's path may have here; move the data directory to a shorter path");
            SafeFileHandle handle = new(OpenFolder(Path.GetFullPath(folder), flags: 0), ownsHandle: true);
            return handle.IsInvalid
                ? throw new CommandFailedException($"{folder} cannot be opened: {Marshal.GetLastPInvokeErrorMessage()}")
                : new SocketPath($"/proc/self/fd/{handle.DangerousGetHandle()}/{DataFolder.ControlSocketName}", handle);
        }

        public void Dispose() => folder?.Dispose();

        [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
        private static partial int OpenFolder(string path, int flags);
    }
}
