import java.net.*;
import java.nio.charset.*;
import java.security.*;
import java.text.*;
import java.time.*;
import java.util.*;
import java.util.zip.*;
import javax.net.ssl.*;

public class App {
    public static void main(String[] args) throws Exception {
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init((KeyStore) null);
        System.out.println(((X509TrustManager) trust.getTrustManagers()[0]).getAcceptedIssuers().length > 100);
        System.out.println(SSLContext.getDefault().getProtocol());
        System.out.println(Instant.ofEpochSecond(1700000000).atZone(ZoneId.of("Asia/Tokyo")));
        System.out.println(NumberFormat.getInstance(Locale.GERMANY).format(1234567.5));
        System.out.println(Charset.forName("windows-1252").encode("\u20ac").get(0));
        System.out.println(InetAddress.getByName("localhost").isLoopbackAddress());
        Process shell = new ProcessBuilder("sh", "-c", "echo from a shell").start();
        System.out.print(new String(shell.getInputStream().readAllBytes()));
        CRC32 sum = new CRC32();
        sum.update("x".getBytes());
        System.out.println(sum.getValue() + " " + java.lang.management.ManagementFactory.getRuntimeMXBean().getSpecVersion());
        System.exit(10);
    }
}
