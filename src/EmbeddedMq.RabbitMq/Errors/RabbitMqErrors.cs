using System.Security.Authentication;
using RabbitMQ.Client.Events;

namespace EmbeddedMq.RabbitMq.Errors;

/// <summary>Every error text of the RabbitMQ engine: the server's reply text to the letter where there is one, and what to do.</summary>
internal static class RabbitMqErrors
{
    private const string Unreached = "CONNECTION_FORCED - no server could be reached";

    /// <summary>The configuration says something that no option takes.</summary>
    /// <param name="path">Where it says it.</param>
    /// <param name="known">What options there are.</param>
    internal static InvalidOperationException UnknownSetting(string path, IEnumerable<string> known)
        => new($"The configuration has '{path}', which nobody reads. Correct the name or take it out; known there: {string.Join(", ", known)}.");

    /// <summary>A channel that the server closed.</summary>
    /// <param name="reason">Why.</param>
    /// <param name="channel">The channel's number.</param>
    /// <param name="connection">The connection's name.</param>
    internal static ChannelException ChannelClosed(CloseReason reason, int channel, string connection)
        => new(reason.ReplyCode, reason.ReplyText, AdviceOnChannel(reason, channel, connection), $"{connection}/{channel}");

    /// <summary>A connection that is closed.</summary>
    /// <param name="reason">Why.</param>
    /// <param name="connection">Its name.</param>
    internal static ConnectionException ConnectionClosed(CloseReason reason, string connection)
        => new(
            reason.ReplyCode,
            reason.ReplyText,
            $"Connection '{connection}' was closed for this reason ({reason.Initiator}); connect again.",
            connection,
            isTransient: reason.Initiator == CloseInitiator.Network);

    /// <summary>A call whose answer was lost with the connection.</summary>
    /// <param name="connection">The connection's name.</param>
    /// <param name="cause">What is known of the loss.</param>
    internal static ConnectionException OutcomeUnknown(string connection, string cause)
        => new(
            ReplyCode.ConnectionForced,
            "CONNECTION_FORCED - connection lost before the server answered",
            $"Whether the server carried the call out is unknown; make it again and expect a duplicate. Connection '{connection}' is being recovered. Cause: {cause}",
            connection,
            isTransient: true);

    /// <summary>A call that waited for the recovery of its connection for as long as it may.</summary>
    /// <param name="connection">The connection's name.</param>
    /// <param name="waited">How long.</param>
    internal static ConnectionException OutageTooLong(string connection, TimeSpan waited)
        => new(
            ReplyCode.ConnectionForced,
            "CONNECTION_FORCED - connection lost and not recovered yet",
            $"Nothing was sent. The call waited {waited.TotalSeconds:0.###} s (RabbitMqOptions.OutageTimeout) for connection '{connection}' to be recovered; the recovery goes on, so try again later.",
            connection,
            isTransient: true);

    /// <summary>A server could not be reached, or did not take the connection.</summary>
    /// <param name="host">Where it was tried.</param>
    /// <param name="cause">The client's error.</param>
    internal static ConnectionException Unreachable(string host, Exception cause)
        => new(
            ReplyCode.ConnectionForced,
            Unreached,
            $"Tried {host}: {SentenceOf(cause)} Start the server, or correct RabbitMqOptions.Hosts and TLS settings.",
            host,
            isTransient: true,
            cause);

    /// <summary>None of several servers could be reached, or took the connection.</summary>
    /// <param name="hosts">Where it was tried.</param>
    /// <param name="failures">What went wrong with each.</param>
    internal static ConnectionException NoneReachable(string hosts, IReadOnlyList<ConnectionException> failures)
        => new(
            ReplyCode.ConnectionForced,
            Unreached,
            $"Tried {hosts}: {string.Join(" ", failures.Select(SentenceOf).Distinct(StringComparer.Ordinal))} " +
            "Start one of the servers, or correct RabbitMqOptions.Hosts and TLS settings.",
            hosts,
            isTransient: true,
            new AggregateException(failures));

    /// <summary>No TLS with a server: its certificate is not trusted, is for another host, or it does not speak TLS there. Trying again alters nothing.</summary>
    /// <param name="host">The server.</param>
    /// <param name="cause">What the handshake failed of.</param>
    internal static ConnectionException TlsFailed(string host, AuthenticationException cause)
        => new(
            ReplyCode.ConnectionForced,
            "CONNECTION_FORCED - no TLS with the server",
            $"{host}: {cause.Message} Correct RabbitMqOptions.TlsServerName (whom the certificate is for), TlsAuthorityPath (who has signed it) or the port.",
            host,
            innerException: cause);

    /// <summary>The server refused to declare again what it had lost.</summary>
    /// <param name="reason">What it said.</param>
    /// <param name="connection">The connection's name.</param>
    internal static ConnectionException NotDeclaredAgain(ShutdownEventArgs reason, string connection)
        => new(
            (ReplyCode)reason.ReplyCode,
            reason.ReplyText,
            "The topology could not be declared again after the connection was lost.",
            connection,
            IsPassing(reason));

    /// <summary>Whether the server refuses something only for now, so that trying again can help.</summary>
    /// <param name="reason">What it said.</param>
    /// <remarks>A node that goes down or comes up (320, 541); a queue whose node is down (404); an exclusive queue, or a place within the limit of
    /// connections, that is still taken by a connection of which the server does not know yet that it is lost (405, 530).</remarks>
    internal static bool IsPassing(ShutdownEventArgs reason) => (ReplyCode)reason.ReplyCode switch
    {
        ReplyCode.ConnectionForced or ReplyCode.InternalError or ReplyCode.ResourceLocked => true,
        ReplyCode.NotFound => reason.ReplyText.Contains("is down or inaccessible", StringComparison.Ordinal),
        ReplyCode.NotAllowed => reason.ReplyText.Contains("connection limit", StringComparison.Ordinal),
        _ => false,
    };

    /// <summary>403: the server refused user and password.</summary>
    /// <param name="user">The user.</param>
    /// <param name="cause">The client's error.</param>
    internal static ConnectionException LoginRefused(string user, Exception cause)
        => new(
            ReplyCode.AccessRefused,
            "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. For details see the broker logfile.",
            $"Correct RabbitMqOptions.UserName ('{user}') and Password; 'guest' may come from the server's own machine only.",
            user,
            innerException: cause);

    /// <summary>The server refused to open the connection, for example because there is no such virtual host.</summary>
    /// <param name="reason">What it said.</param>
    /// <param name="virtualHost">The virtual host.</param>
    internal static ConnectionException OpenRefused(ShutdownEventArgs reason, string virtualHost)
        => new(
            (ReplyCode)reason.ReplyCode,
            reason.ReplyText,
            $"The server refused the connection to virtual host '{virtualHost}'. {(IsPassing(reason) ? "Try again later." : "Create it, or give the user its permissions.")}",
            virtualHost,
            IsPassing(reason));

    /// <summary>An answer that did not come in time.</summary>
    /// <param name="connection">The connection's name.</param>
    /// <param name="cause">The client's error.</param>
    internal static ConnectionException NoAnswer(string connection, Exception cause)
        => new(
            ReplyCode.ConnectionForced,
            "CONNECTION_FORCED - no answer from the server in time",
            $"Whether the server carried the call out is unknown. Connection '{connection}' is still open; see RabbitMqOptions.RequestTimeout.",
            connection,
            isTransient: true,
            cause);

    /// <summary>530: the connection has as many channels as server and client agreed on.</summary>
    /// <param name="max">The bound.</param>
    internal static ConnectionException TooManyChannels(int max)
        => new(
            ReplyCode.NotAllowed,
            $"NOT_ALLOWED - number of channels opened ({max}) has reached the negotiated channel_max ({max})",
            "Close channels that are not used, or open another connection. The connection stays open: the client did not ask the server.");

    /// <summary>A message that the protocol cannot carry. Nothing was sent.</summary>
    /// <param name="cause">The client's error.</param>
    /// <param name="parameter">The caller's parameter.</param>
    internal static ArgumentException CannotBeEncoded(Exception cause, string parameter)
        => new($"A header has a value that AMQP cannot carry: {cause.Message}. A decimal has at most 31 bits before its scale; send a larger one as text.", parameter, cause);

    /// <summary>A publish that was returned or rejected, as an exception.</summary>
    /// <param name="result">What became of it.</param>
    /// <param name="exchange">The exchange.</param>
    /// <param name="routingKey">The routing key.</param>
    internal static PublishException PublishFailed(PublishResult result, string exchange, string routingKey)
    {
        (string text, string advice) = (result.Outcome, result.RejectReason) switch
        {
            (PublishOutcome.Returned, _) => (
                "NO_ROUTE", "No queue took the message. Bind a queue for the key, give the exchange an alternate one, or publish without Mandatory."),
            (_, RejectReason.TooManyOutstanding) => (
                "RESOURCE_ERROR - too many publishes outstanding", "Await earlier publishes first, or raise ChannelOptions.MaxOutstandingPublishes."),
            _ => (
                "RESOURCE_ERROR - publish rejected",
                "The server answered with basic.nack: a queue that it was routed to is full and refuses publishes, or the server could not store it. Publish again later."),
        };
        return new PublishException(result, text, $"Exchange '{exchange}', routing key '{routingKey}'. {advice}", exchange, routingKey);
    }

    /// <summary>320: the transaction was lost with the connection.</summary>
    /// <param name="connection">The connection's name.</param>
    internal static ConnectionException TransactionLost(string connection)
        => new(
            ReplyCode.ConnectionForced,
            "CONNECTION_FORCED - transaction lost with the connection",
            $"Connection '{connection}' was lost since the last commit, and with it every publish and settlement held; nothing of them was carried out. Make the transaction again.",
            connection,
            isTransient: true);

    /// <summary>What a server cannot do, and what to use instead.</summary>
    /// <param name="what">What it is, as the beginning of a sentence.</param>
    /// <param name="instead">What to use instead, as a sentence.</param>
    internal static NotSupportedException NotSupported(string what, string instead)
        => new($"{what} is not something that a RabbitMQ server can do. {instead}");

    /// <summary>Management without the address of the HTTP API.</summary>
    /// <param name="call">What was called.</param>
    internal static NotSupportedException NoManagement(string call)
        => new(
            $"{call} needs the server's HTTP API, because AMQP has no method for it. Enable the plugin rabbitmq_management and set " +
            "RabbitMqOptions.ManagementUri, for example http://localhost:15672.");

    /// <summary>An operator's call that the HTTP API refused.</summary>
    /// <param name="replyCode">The AMQP reply code that fits the HTTP status.</param>
    /// <param name="text">The API's reason.</param>
    /// <param name="subject">The object that it is about.</param>
    internal static EmbeddedMqException ManagementRefused(ReplyCode replyCode, string text, string subject)
        => new(replyCode, $"{ConstantOf(replyCode)} - {text}", "The server's HTTP API refused the call for this reason.", subject);

    /// <summary>The HTTP API could not be reached, or answered with an error of its own.</summary>
    /// <param name="address">Its address.</param>
    /// <param name="cause">What went wrong.</param>
    /// <param name="innerException">The error.</param>
    internal static EmbeddedMqException ManagementUnreachable(Uri address, string cause, Exception? innerException = null)
        => new(
            ReplyCode.InternalError,
            "INTERNAL_ERROR - the server's HTTP API did not answer as expected",
            $"{address}: {cause} Check RabbitMqOptions.ManagementUri and that the plugin rabbitmq_management runs.",
            address.ToString(),
            isTransient: true,
            innerException);

    private static string ConstantOf(ReplyCode replyCode) => replyCode switch
    {
        ReplyCode.AccessRefused => "ACCESS_REFUSED",
        ReplyCode.NotFound => "NOT_FOUND",
        _ => "PRECONDITION_FAILED",
    };

    private static string AdviceOnChannel(CloseReason reason, int channel, string connection)
    {
        string advice = reason.ReplyCode switch
        {
            ReplyCode.NotFound => "Declare it first, or correct the name.",
            ReplyCode.AccessRefused => "The name is reserved or in exclusive use, or the user lacks the permission.",
            ReplyCode.ResourceLocked => "The queue is exclusive to another connection; use one of your own.",
            ReplyCode.PreconditionFailed => "Correct what the reply text names.",
            _ => "See the reply text.",
        };
        return $"{advice} Channel {channel} of connection '{connection}' was closed for this reason ({reason.Initiator}), and publishes on it that " +
            "were not confirmed yet are of unknown outcome; open another channel.";
    }

    // Of the innermost error, which is the one that says it. The operating system's texts have no full stop.
    private static string SentenceOf(Exception error)
    {
        while (error.InnerException is { } inner)
        {
            error = inner;
        }

        return error.Message.EndsWith('.') ? error.Message : $"{error.Message}.";
    }
}
