using Microsoft.Extensions.Logging;

namespace EmbeddedMq;

/// <summary>How to reach a RabbitMQ server or cluster, and what to do when the connection to it is lost. Read once, at the start.</summary>
public sealed class RabbitMqOptions
{
    /// <summary>The broker's name, in its own log and in what a <c>MessageBus</c> on it tells. Not empty. Default <c>RabbitMQ</c>. An application with a host
    /// tells everything else of it under the name that the broker is registered with.</summary>
    public string Name { get; set; } = "RabbitMQ";

    /// <summary>An address that sets hosts, port, TLS, user, password and virtual host at once: <c>amqp://user:password@host:5672/vhost</c>, or
    /// <c>amqps://</c> for TLS. Parts that it leaves out stay as they are. Default <see langword="null"/>: the properties below.</summary>
    public string? Uri { get; set; }

    /// <summary>The nodes of the cluster, each <c>host</c> or <c>host:port</c>; tried in turn until one answers. Empty: <c>localhost</c>. Default empty.</summary>
    /// <remarks>Each attempt to connect begins with the host after the one that the attempt before began with, so that connections spread over the cluster.</remarks>
    public IList<string> Hosts { get; } = [];

    /// <summary>The port of hosts that name none. 1 to 65,535. Default <see langword="null"/>: 5672, with TLS 5671.</summary>
    public int? Port { get; set; }

    /// <summary>The user. Default <c>guest</c>.</summary>
    public string UserName { get; set; } = "guest";

    /// <summary>The user's password. Default <c>guest</c>.</summary>
    public string Password { get; set; } = "guest";

    /// <summary>The virtual host that stands for <see cref="ConnectionOptions.DefaultVirtualHost"/>: connections and management calls that name
    /// <c>/</c> get this one. Default <c>/</c>.</summary>
    public string VirtualHost { get; set; } = ConnectionOptions.DefaultVirtualHost;

    /// <summary>Whether to use TLS. Default <see langword="false"/>, <see langword="true"/> with <c>amqps://</c>.</summary>
    public bool UseTls { get; set; }

    /// <summary>The name that the server's certificate must be for. Default <see langword="null"/>: the host's.</summary>
    public string? TlsServerName { get; set; }

    /// <summary>A PEM file with the certificates of the authorities to trust, instead of those that the operating system trusts. Read at the start.
    /// Default <see langword="null"/>: the operating system's.</summary>
    public string? TlsAuthorityPath { get; set; }

    /// <summary>A PKCS#12 file with the client's certificate, for servers that ask for one. Default <see langword="null"/>: none.</summary>
    public string? TlsCertificatePath { get; set; }

    /// <summary>The file's password. Default <see langword="null"/>: none.</summary>
    public string? TlsCertificatePassword { get; set; }

    /// <summary>After how long without a sign of life a connection counts as lost. Zero turns it off. Default 60 s, as in RabbitMQ.</summary>
    public TimeSpan Heartbeat { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>How long one attempt to reach one host may take. More than zero. Default 10 s.</summary>
    public TimeSpan ConnectionTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How long the answer to one call may take. More than zero. Default 20 s, as in RabbitMQ.Client. Confirms of publishes have no such bound.</summary>
    public TimeSpan RequestTimeout { get; set; } = TimeSpan.FromSeconds(20);

    /// <summary>How long a call waits for its connection to be recovered before it fails with a transient <see cref="ConnectionException"/>; nothing
    /// was sent then. Zero: it fails at once. Default 30 s.</summary>
    public TimeSpan OutageTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How long the recovery of a lost connection is tried before the connection closes for good with <see cref="CloseInitiator.Network"/>.
    /// Default <see langword="null"/>: for ever.</summary>
    public TimeSpan? RecoveryTimeout { get; set; }

    /// <summary>The pause before the second attempt at recovery; the first is made at once, and each further pause is twice the one before. More than zero. Default 250 ms.</summary>
    public TimeSpan RecoveryFirstDelay { get; set; } = TimeSpan.FromMilliseconds(250);

    /// <summary>The longest pause between attempts. At least <see cref="RecoveryFirstDelay"/>. Default 15 s.</summary>
    public TimeSpan RecoveryMaxDelay { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>How many unread deliveries a consumer with <see cref="ConsumerOptions.AutoAck"/> may hold. 1 to 65,535. Default 1,024.</summary>
    /// <remarks>The delivery is acknowledged when it is read, so that an unread one is not lost with the process.</remarks>
    public int AutoAckWindow { get; set; } = 1_024;

    /// <summary>The address of the server's HTTP API (plugin rabbitmq_management), for example <c>http://localhost:15672</c>, for
    /// <see cref="IBroker.Management"/>. User and password are those above. Default <see langword="null"/>: management calls throw <see cref="NotSupportedException"/>.</summary>
    public string? ManagementUri { get; set; }

    /// <summary>The clock of waits and back-off. Default <see cref="TimeProvider.System"/>. RabbitMQ.Client's own time-outs and heartbeats use the system's clock.</summary>
    public TimeProvider TimeProvider { get; set; } = TimeProvider.System;

    /// <summary>Where losses and recoveries are logged. Default <see langword="null"/>: nowhere.</summary>
    public ILoggerFactory? LoggerFactory { get; set; }
}
